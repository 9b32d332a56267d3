/**
 * Distinct models only: models that are equal in every value are one model, however many send it.
 *
 *   y_o for each different value among the x_k; a neighbour that sent the own model's values becomes one with it
 *
 * Symbols: n models, own included; the first of equals keeps its place. Copies beyond the first are counted as exposed:
 * nodes that train do not come to the same bits, so all but one of them copied, and a fixed f behind this counts them
 * no more.
 * Breakdown precondition: none of its own. It takes from copiers (mimic, echo, one crafted model sent by all colluders)
 * the weight of their number, and only as long as they copy exactly: a copy with noise is another model.
 * Not for runs in which honest nodes may hold equal models, such as averaging without training.
 * Cost: O(n²) comparisons that end at the first difference; no vectors.
 * Source: ours; what it answers is the mimic attack of Karimireddy et al., ICLR 2022, arXiv 2006.09365.
 */

import type { PreDefinition } from './definition.js'

function equalValues(x: Float32Array, y: Float32Array): boolean {
  for (let k = 0; k < x.length; k++) if (x[k] !== y[k]) return false
  return true
}

export const distinct: PreDefinition = {
  info: {
    name: 'distinct',
    formula: 'equal models count once',
    params: [],
    cost: 'O(n²), to O(n²·d) for copies; no vectors',
    source: 'ours',
    affine: true,
  },
  build: () => ({
    mix: ({ models }) => {
      const firsts: number[] = []
      const outputOf = models.map((x, k) => {
        const known = firsts.findIndex((first) => equalValues(models[first], x))
        return known < 0 ? firsts.push(k) - 1 : known
      })
      const coefficients = firsts.map((_, o) => {
        const members = outputOf.filter((output) => output === o).length
        return Float64Array.from(outputOf, (output) => (output === o ? 1 / members : 0))
      })
      return {
        models: firsts.map((k) => models[k]),
        outputOf,
        coefficients,
        exposed: models.length - firsts.length,
      }
    },
    outputs: (models) => models,
    neededModels: () => 1,
    tolerated: () => null,
  }),
}
