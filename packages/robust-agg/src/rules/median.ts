/**
 * Coordinate median of all models, including the node's own.
 *
 *   w_i[k] ← median of w_i[k] and all w_j[k];  for an even number of models the mean of the middle two
 *
 * Symbols: n models, including the node's own, f of them Byzantine.
 * Breakdown precondition: n > 2f; nothing is thrown, since f is not a parameter.
 * Cost: a sort of n values per coordinate, O(d·n²) for n up to 64 (insertion sort), O(d·n·log n) above.
 * Source: Yin et al., ICML 2018, arXiv 1803.01498.
 * Deviations: −0 counts as less than +0, so that the bits do not depend on the neighbours' order. Every
 * neighbour's weight is reported as the equal share 1/n, since no single coefficient exists.
 */

import { middleMean } from '../kernels/dispatch.js'
import { toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'

export const median: RuleDefinition = {
  info: {
    name: 'median',
    formula: 'per coordinate the median of all n models, own included',
    params: [],
    needs: 'an honest majority, n > 2f',
    breakdown: '⌊(n − 1)/2⌋ models',
    cost: 'O(d·n²) up to n = 64, then O(d·n·log n)',
    source: 'Yin et al., ICML 2018, arXiv 1803.01498',
    linear: false,
    usesWeights: false,
    weighsAll: true,
    example: {},
  },
  screen: 'scan',
  build: () => ({
    tolerated: (models) => toleratedCount(undefined, models, 1),
    combine: ({ own, vectors, out }) => {
      const n = vectors.length + 1
      middleMean([own, ...vectors], Math.floor((n - 1) / 2), out)
      const weights = vectors.map(() => 1 / n)
      return {
        ownWeight: 1 / n,
        weights,
        scores: null,
        threshold: null,
        reasons: vectors.map(() => 'accepted'),
      }
    },
  }),
}
