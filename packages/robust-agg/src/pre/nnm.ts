/**
 * NNM, nearest neighbour mixing: replace every model by the mean of its nearest ones.
 *
 *   y_i = (1/(n − f))·Σ of the n − f models nearest to x_i, x_i included
 *
 * Symbols: n models, including the node's own; f the assumed number of Byzantine ones, default: ⌊(n − 1)/2⌋. Ties go
 * to the lower index, but x_i itself always counts.
 * Breakdown precondition: n > 2f; checked before a run. In a round with fewer models the node keeps its own.
 * Cost: all pairwise distances, O(n²·d), a combination of n − f models for each different set of nearest ones,
 * O(n²·d) if all are different, and n vectors of length d.
 * Source: Allouah et al., "Fixing by Mixing: A Recipe for Optimal Byzantine ML under Heterogeneity", AISTATS 2023,
 * arXiv 2302.01772.
 * Deviations: behind a step that found that what honest nodes learn goes against one another (`PreView.opposed`),
 * nothing is mixed, and the step reports itself unfit. A model that is far from the others then says nothing about its
 * sender, and mixing would remove what only that sender knows.
 */

import { pairwiseSquaredDistances, sharedCombinations } from '../kernels/dispatch.js'
import { byzantineCount, byzantineCountParameter, toleratedCount } from '../rules/byzantine-count.js'
import type { PreDefinition } from './definition.js'
import { unmixed } from './unmixed.js'

export const nnm: PreDefinition = {
  info: {
    name: 'nnm',
    formula: 'x_i ← mean of the n − f models nearest to x_i, x_i included',
    params: [byzantineCountParameter('⌊(n − 1)/2⌋')],
    cost: 'O(n²·d), n vectors',
    source: 'Allouah et al., AISTATS 2023, arXiv 2302.01772',
    affine: true,
  },
  build: ({ f: fixed }) => ({
    mix: ({ models, exposed, refused, opposed, scratch }) => {
      if (opposed) return unmixed(models)
      const n = models.length
      const f = byzantineCount(fixed, { exposed, refused }, n, 1)
      if (f < 0) return 'too-few-models'
      const matrix = pairwiseSquaredDistances(models)
      const share = 1 / (n - f)
      const coefficients = models.map((_, i) => {
        // The distance to itself counts as −1, so that no other model at distance 0 takes its place.
        const squared = (k: number): number => (k === i ? -1 : matrix[i * n + k])
        const order = Array.from({ length: n }, (_x, k) => k).sort((a, b) => squared(a) - squared(b) || a - b)
        const row = new Float64Array(n)
        for (const k of order.slice(0, n - f)) row[k] = share
        return row
      })
      const members = coefficients.map((row) => models.flatMap((_, k) => (row[k] > 0 ? [k] : [])))
      // Models that have the same neighbours, as honest ones far from all attackers do, have the same mean.
      const firstWith = new Map<string, number>()
      const same = members.map((list, i) => {
        const at = firstWith.get(list.join()) ?? i
        firstWith.set(list.join(), at)
        return at
      })
      const means = new Map([...firstWith.values()].map((i) => [i, scratch.vector()]))
      sharedCombinations(
        share,
        models,
        [...means.keys()].map((i) => members[i]),
        [...means.values()],
      )
      const mixed = same.map((at) => means.get(at) as Float32Array)
      return { models: mixed, outputOf: models.map((_, k) => k), coefficients }
    },
    outputs: (models) => models,
    neededModels: () => 2 * (fixed ?? 0) + 1,
    tolerated: (models) => toleratedCount(fixed, models, 1),
  }),
}
