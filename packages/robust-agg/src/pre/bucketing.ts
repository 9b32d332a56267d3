/**
 * Bucketing: shuffle the models, cut the list into buckets of s, and replace each bucket by its mean.
 *
 * Symbols: n models, own included; s ≥ 1 bucket size; ⌈n/s⌉ outputs, the last bucket may be smaller.
 * Breakdown precondition: none of its own, but one Byzantine model spoils its whole bucket, so the rule behind it
 * must stand f of ⌈n/s⌉ models instead of f of n.
 * Cost: O(n·d) and ⌈n/s⌉ vectors of length d.
 * Source: Karimireddy, He, Jaggi, "Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing", ICLR 2022,
 * arXiv 2006.09365 (s = 2 suggested).
 * Deviations: the own model is in a bucket too, which then stands for it. The shuffle is drawn from `seed` and the
 * round, so that every machine draws the same.
 */

import { linearCombination } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import { createRng } from '../rng.js'
import type { PreDefinition } from './definition.js'

export const bucketing: PreDefinition = {
  info: {
    name: 'bucketing',
    formula: 'means of random buckets of s models',
    params: [
      parameter({ name: 's', default: 2, min: 1, max: 1024, integer: true, meaning: 'models in a bucket' }),
      parameter({
        name: 'seed',
        default: 0,
        min: 0,
        max: 2 ** 32,
        integer: true,
        meaning: 'of the shuffle, with the round',
      }),
    ],
    cost: 'O(n·d), ⌈n/s⌉ vectors',
    source: 'Karimireddy et al., ICLR 2022, arXiv 2006.09365',
    affine: true,
  },
  build: ({ s, seed }) => ({
    mix: ({ models, round }) => {
      const n = models.length
      const order = createRng(seed, 'bucketing', round, n).shuffle(Array.from({ length: n }, (_, k) => k))
      const buckets: number[][] = []
      for (let from = 0; from < n; from += s) {
        buckets.push(order.slice(from, from + s).sort((a, b) => a - b))
      }
      // The bucket of the own model comes first.
      buckets.sort((a, b) => a[0] - b[0])
      const outputOf = new Array<number>(n).fill(0)
      const coefficients = buckets.map((members, o) => {
        const row = new Float64Array(n)
        for (const k of members) {
          row[k] = 1 / members.length
          outputOf[k] = o
        }
        return row
      })
      const means = buckets.map((members) => {
        const out = new Float32Array(models[0].length)
        linearCombination(
          members.map(() => 1 / members.length),
          members.map((k) => models[k]),
          out,
        )
        return out
      })
      return { models: means, outputOf, coefficients }
    },
    outputs: (models) => Math.ceil(models / s),
    neededModels: () => 1,
    tolerated: () => null,
  }),
}
