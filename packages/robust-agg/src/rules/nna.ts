/**
 * NNA, nearest neighbour averaging (also MoNNA): the mean of the n − f models nearest to mine, mine included.
 *
 *   w_i ← (1/(n − f))·(w_i + Σ of the n − f − 1 nearest w_j)
 *
 * Symbols: n models, including the node's own; f the assumed number of Byzantine ones, default: ⌊(n − 1)/2⌋. Ties go
 * to the lower index.
 * Breakdown precondition: n ≥ 2f + 1; checked before a run. In a round with fewer models the node keeps its own.
 * Cost: one distance to each neighbour and one combination, O(n·d).
 * Source: Farhadkhani et al., "Robust Collaborative Learning with Linear Gradient Overhead", ICML 2023, arXiv
 * 2209.10931 (MoNNA).
 * Deviations: no momentum, which belongs to the training and not to the aggregation.
 */

import { linearCombination } from '../kernels/dispatch.js'
import { byzantineCount, byzantineCountParameter, toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'
import { ascendingOrder } from './krum-scores.js'

export const nna: RuleDefinition = {
  info: {
    name: 'nna',
    formula: 'mean of the n − f models nearest to mine, mine included',
    params: [byzantineCountParameter('⌊(n − 1)/2⌋')],
    needs: 'f, and n > 2f',
    breakdown: 'f models',
    cost: 'O(n·d)',
    source: 'Farhadkhani et al., ICML 2023, arXiv 2209.10931',
    linear: true,
    usesWeights: false,
    example: { f: 1 },
  },
  screen: 'distance',
  build: ({ f: fixed }) => ({
    combine: ({ own, vectors, distances, out, exposed, refused }) => {
      const n = vectors.length + 1
      const f = byzantineCount(fixed, { exposed, refused }, n, 1)
      if (f < 0) return 'too-few-models'
      const share = 1 / (n - f)
      const nearest = ascendingOrder(distances).slice(0, n - f - 1)
      const threshold = nearest.length === 0 ? null : distances[nearest[nearest.length - 1]]
      const selected = nearest.sort((a, b) => a - b)
      linearCombination([share, ...selected.map(() => share)], [own, ...selected.map((j) => vectors[j])], out)
      const isSelected = (j: number): boolean => selected.includes(j)
      return {
        ownWeight: share,
        weights: vectors.map((_, j) => (isSelected(j) ? share : 0)),
        scores: distances,
        threshold,
        reasons: vectors.map((_, j) => (isSelected(j) ? 'accepted' : 'not-selected')),
      }
    },
    tolerated: (models) => toleratedCount(fixed, models, 1),
    neededModels: () => 2 * (fixed ?? 0) + 1,
  }),
}
