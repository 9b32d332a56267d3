/**
 * MeaMed, mean around median, of all models, including the node's own.
 *
 *   w_i[k] ← mean of the n − f values at k that lie nearest to their median
 *
 * Symbols: n models, including the node's own; f the assumed number of Byzantine ones, default: ⌊(n − 1)/2⌋. For an
 * even n the median is the mean of the middle two; of two values equally far from it the lower one stays.
 * Breakdown precondition: n > 2f; checked before a run. In a round with fewer models the node keeps its own.
 * Cost: a sort of n values per coordinate, as `median`.
 * Source: Xie, Koyejo, Gupta, "Generalized Byzantine-tolerant SGD", 2018, arXiv 1802.10116.
 * Deviations: none. Weights are reported as the equal share 1/n.
 */

import { closestMean } from '../kernels/dispatch.js'
import { byzantineCount, byzantineCountParameter, toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'

export const meamed: RuleDefinition = {
  info: {
    name: 'meamed',
    formula: 'per coordinate the mean of the n − f values nearest to the median',
    params: [byzantineCountParameter('⌊(n − 1)/2⌋')],
    needs: 'f, and n > 2f',
    breakdown: 'f models',
    cost: 'O(d·n²) up to n = 64, then O(d·n·log n)',
    source: 'Xie et al. 2018, arXiv 1802.10116',
    linear: false,
    usesWeights: false,
    weighsAll: true,
    example: { f: 1 },
  },
  screen: 'scan',
  build: ({ f: fixed }) => ({
    tolerated: (models) => toleratedCount(fixed, models, 1),
    combine: ({ own, vectors, out, exposed, refused }) => {
      const n = vectors.length + 1
      const f = byzantineCount(fixed, { exposed, refused }, n, 1)
      if (f < 0) return 'too-few-models'
      closestMean([own, ...vectors], n - f, out)
      return {
        ownWeight: 1 / n,
        weights: vectors.map(() => 1 / n),
        scores: null,
        threshold: null,
        reasons: vectors.map(() => 'accepted'),
      }
    },
    neededModels: () => 2 * (fixed ?? 0) + 1,
  }),
}
