/**
 * Clipping of norms before a rule, with a fixed radius (static clipping) or one that is computed in each round (ARC).
 *
 *   y_k = p + clip(x_k − p, C),   clip(u, C) = u·min(1, C/‖u‖)
 *   static-clipping: C given.   arc: the ⌊(2f/n)·(n − f)⌋ largest of the n norms ‖x_k − p‖ are cut to the next one
 *
 * Symbols: n models x_k, including the node's own; p where the round's training began (`RoundInput.previous`), or the
 * node's own model when that is absent; C > 0; f the assumed number of Byzantine models, default: ⌊(n − 1)/2⌋.
 * Breakdown precondition: none for static clipping; n > 2f for ARC, checked before a run.
 * Cost: n distances, O(n·d), and n vectors of length d.
 * Source: ARC: Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan, "Adaptive Gradient Clipping for Robust Federated
 * Learning", ICLR 2025, arXiv 2405.14432.
 * Deviations: the papers clip gradients; here the step of a model from p takes the place of a gradient. Behind a step
 * that found that what honest nodes learn goes against one another (`PreView.opposed`), ARC clips nothing and reports
 * itself unfit: a long step is then as likely what only its sender knows.
 */

import { anchoredCombination, squaredDistancesTo } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import { byzantineCount, byzantineCountParameter, toleratedCount } from '../rules/byzantine-count.js'
import type { Mixture, PreDefinition, PreView } from './definition.js'
import { unmixed } from './unmixed.js'

function norms({ models, previous }: PreView): Float64Array {
  return squaredDistancesTo(previous, models, new Float64Array(models.length)).map(Math.sqrt)
}

function clipTo({ models, previous, scratch }: PreView, lengths: Float64Array, radius: number): Mixture {
  const factors = lengths.map((length) => (length <= radius ? 1 : radius / length))
  const clipped = models.map((x, k) => {
    if (factors[k] === 1) return x
    const out = scratch.vector()
    anchoredCombination(previous, [factors[k]], [x], out)
    return out
  })
  return {
    models: clipped,
    outputOf: models.map((_, k) => k),
    coefficients: models.map((_, o) => Float64Array.from(models, (_x, k) => (k === o ? factors[k] : 0))),
    clipped: Array.from(factors, (factor) => factor < 1),
  }
}

export const staticClipping: PreDefinition = {
  info: {
    name: 'static-clipping',
    formula: 'x_k ← p + clip(x_k − p, C), p the start of the training',
    params: [
      parameter({
        name: 'c',
        required: true,
        min: 0,
        max: 1e30,
        aboveMin: true,
        meaning: 'radius C, in units of the parameters',
      }),
    ],
    cost: 'O(n·d), n vectors',
    source: 'the fixed-radius baseline of Allouah et al., ICLR 2025, arXiv 2405.14432',
    affine: false,
  },
  build: ({ c }) => ({
    mix: (view) => clipTo(view, norms(view), c),
    outputs: (models) => models,
    neededModels: () => 1,
    tolerated: () => null,
  }),
}

export const arc: PreDefinition = {
  info: {
    name: 'arc',
    formula: 'the k = ⌊(2f/n)·(n − f)⌋ longest x_k − p cut to the length of the (n − k)-th shortest',
    params: [byzantineCountParameter('⌊(n − 1)/2⌋')],
    cost: 'O(n·d), n vectors',
    source: 'Allouah et al., ICLR 2025, arXiv 2405.14432',
    affine: false,
  },
  build: ({ f: fixed }) => ({
    mix: (view) => {
      if (view.opposed) return unmixed(view.models)
      const n = view.models.length
      const f = byzantineCount(fixed, view, n, 1)
      if (f < 0) return 'too-few-models'
      const lengths = norms(view)
      const cut = Math.floor((2 * f * (n - f)) / n)
      return clipTo(view, lengths, lengths.toSorted()[n - cut - 1])
    },
    outputs: (models) => models,
    neededModels: () => 2 * (fixed ?? 0) + 1,
    tolerated: (models) => toleratedCount(fixed, models, 1),
  }),
}
