/**
 * NNA by weight, for graphs: leave out the farthest neighbours that carry weight b, gossip with the others.
 *
 *   w_i ← w_i + Σ_kept W_ij·(w_j − w_i)
 *
 * Symbols: W_ij mixing weights (1/n each when none are given), b ∈ (0, 1) bound on the Byzantine weight in my
 * neighbourhood. The farthest neighbours are dropped until the dropped weight is at least b; it goes to the node
 * itself.
 * Breakdown precondition: all neighbours except the heaviest carry a weight of at least b together, checked before a
 * run; otherwise all may be dropped, and nothing moves.
 * Cost: one distance to each neighbour, one combination, O(n·d).
 * Source: Gaucher, Dieuleveut, Hendrikx, "Unified Breakdown Analysis for Byzantine Robust Gossip", ICML 2025, arXiv
 * 2410.10418 (NNA on graphs); the rule without weights is `nna`.
 * Deviations: a neighbour that only partly fits into b is dropped entirely.
 */

import { anchoredCombination } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import type { VerdictReason } from '../types.js'
import { modelsForWeightBeyond, neighboursWithin, withoutFarthest } from './clipping.js'
import type { RuleDefinition } from './definition.js'

export const nnaWeighted: RuleDefinition = {
  info: {
    name: 'nna-weighted',
    formula: 'w_i + Σ_kept W_ij·(w_j − w_i), without the farthest neighbours of weight b',
    params: [
      parameter({
        name: 'b',
        required: true,
        min: 0,
        max: 0.999999,
        aboveMin: true,
        meaning: 'upper bound on the Byzantine mixing weight',
      }),
    ],
    needs: 'a bound b on the Byzantine weight',
    breakdown: 'Byzantine weight b',
    cost: 'O(n·d)',
    source: 'Gaucher et al., ICML 2025, arXiv 2410.10418',
    linear: true,
    usesWeights: true,
    example: { b: 0.2 },
  },
  screen: 'distance',
  build: ({ b }) => ({
    tolerated: (_models, weights) => neighboursWithin(weights, b),
    combine: ({ own, vectors, distances, weights, out }) => {
      const kept = withoutFarthest(distances, weights, b)
      const threshold = kept.length === 0 ? 0 : distances[kept[0]]
      kept.sort((x, y) => x - y)
      const coefficients = new Float64Array(vectors.length)
      for (const j of kept) coefficients[j] = weights[j]
      const ownWeight = coefficients.reduce((left, weight) => left - weight, 1)
      if (kept.some((j) => weights[j] * distances[j] > 0)) {
        anchoredCombination(
          own,
          kept.map((j) => weights[j]),
          kept.map((j) => vectors[j]),
          out,
        )
      } else if (out !== own) out.set(own)
      const reasons = vectors.map((_, j): VerdictReason => (kept.includes(j) ? 'accepted' : 'not-selected'))
      return { ownWeight, weights: coefficients, scores: distances, threshold, reasons }
    },
    neededModels: (models, weights) => modelsForWeightBeyond(models, weights, b),
  }),
}
