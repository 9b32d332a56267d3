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
 * Other readings, by `boundary`, for the neighbour with which the dropped weight would exceed b by e:
 *   2, exactly b: it keeps the weight e, so that b is dropped in all; with equal weights 1/n and b = f/n this and the
 *     default leave out f neighbours, as NNA does
 *   1, as the public code (renaudgaucher/Byzantine-Robust-Gossip, aggregators/robust_gossip.py, `gts`): it keeps W_ij −
 *     e, the part that 2 drops, so nothing when the farther ones weigh exactly b. For b = f/n that leaves out f + 1
 *     neighbours. The code compares sums without slack: where rounding makes the farther ones weigh a bit more than b it
 *     leaves out f − 1. Here they count as b.
 */

import { anchoredCombination } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import type { VerdictReason } from '../types.js'
import { boundaryOf, modelsForWeightBeyond, neighboursWithin, withoutFarthest } from './clipping.js'
import type { RuleDefinition } from './definition.js'

/** Indices of the neighbours that keep a weight, nearest last, and their weights; 0 for the others. */
function keptWeights(
  distances: Float64Array,
  weights: Float64Array,
  b: number,
  boundary: number,
): { kept: number[]; coefficients: Float64Array } {
  const coefficients = new Float64Array(weights.length)
  if (boundary === 0) {
    const kept = withoutFarthest(distances, weights, b)
    for (const j of kept) coefficients[j] = weights[j]
    return { kept, coefficients }
  }
  const { inside, at, excess } = boundaryOf(distances, weights, b)
  for (const j of inside) coefficients[j] = weights[j]
  if (at === null) return { kept: [], coefficients }
  coefficients[at] = boundary === 2 ? excess : weights[at] - excess
  return { kept: coefficients[at] > 0 ? [at, ...inside] : [...inside], coefficients }
}

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
      parameter({
        name: 'boundary',
        min: 0,
        max: 2,
        integer: true,
        meaning:
          'the neighbour that fits into b only in part: 0, dropped; 1, as in the public code; 2, keeps what exceeds b; default: 0',
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
  build: ({ b, boundary = 0 }) => ({
    tolerated: (_models, weights) => neighboursWithin(weights, b),
    combine: ({ own, vectors, distances, weights, out }) => {
      const { kept, coefficients } = keptWeights(distances, weights, b, boundary)
      const threshold = kept.length === 0 ? 0 : distances[kept[0]]
      kept.sort((x, y) => x - y)
      const ownWeight = coefficients.reduce((left, weight) => left - weight, 1)
      if (kept.some((j) => coefficients[j] * distances[j] > 0)) {
        anchoredCombination(
          own,
          kept.map((j) => coefficients[j]),
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
