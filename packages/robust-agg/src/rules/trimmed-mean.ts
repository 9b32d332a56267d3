/**
 * Coordinate trimmed mean of all models, including the node's own.
 *
 *   w_i[k] ← mean of what is left of the n values at k without the f smallest and the f largest
 *
 * Symbols: n models, including the node's own; f the assumed number of Byzantine ones, default: ⌊(n − 1)/2⌋, which is
 * the median.
 * Breakdown precondition: n > 2f; checked before a run. In a round with fewer models the node keeps its own.
 * Cost: a sort of n values per coordinate, O(d·n²) for n up to 64 (insertion sort), O(d·n·log n) above.
 * Source: Yin et al., ICML 2018, arXiv 1803.01498.
 * Deviations: f is a count, not a fraction. Weights are reported as the equal share 1/n.
 */

import { middleMean } from '../kernels/dispatch.js'
import { byzantineCount, byzantineCountParameter, toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'

export const trimmedMean: RuleDefinition = {
  info: {
    name: 'trimmed-mean',
    formula: 'per coordinate the mean without the f smallest and the f largest of the n values',
    params: [byzantineCountParameter('⌊(n − 1)/2⌋')],
    needs: 'f, and n > 2f',
    breakdown: 'f models',
    cost: 'O(d·n²) up to n = 64, then O(d·n·log n)',
    source: 'Yin et al., ICML 2018, arXiv 1803.01498',
    linear: false,
    usesWeights: false,
    weighsAll: true,
    example: { f: 1 },
  },
  screen: 'scan',
  build: ({ f: fixed }) => ({
    combine: ({ own, vectors, out, exposed, refused }) => {
      const n = vectors.length + 1
      const f = byzantineCount(fixed, { exposed, refused }, n, 1)
      if (f < 0) return 'too-few-models'
      middleMean([own, ...vectors], f, out)
      const weights = vectors.map(() => 1 / n)
      return {
        ownWeight: 1 / n,
        weights,
        scores: null,
        threshold: null,
        reasons: vectors.map(() => 'accepted'),
      }
    },
    tolerated: (models) => toleratedCount(fixed, models, 1),
    neededModels: () => 2 * (fixed ?? 0) + 1,
  }),
}
