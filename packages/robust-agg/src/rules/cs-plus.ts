/**
 * CS+: clipped sums with the radius at a high quantile of the weighted distances.
 *
 *   τ = the largest distance with a total weight of at least 2b strictly beyond it (0 if there is none)
 *   w_i ← w_i − η·Σ_j W_ij·clip(w_i − w_j, τ)
 *
 * Symbols: W_ij mixing weights (1/n each when none are given), b ∈ [0, 0.5) bound on the Byzantine weight in my
 * neighbourhood, η ∈ (0, 1] step.
 * Breakdown precondition: all neighbours except the heaviest carry a weight of at least 2b together (for equal
 * weights n ≥ 2/(1 − 2b)), checked before a run; otherwise the radius can be 0, and then nothing moves.
 * Cost: one distance to each neighbour, one combination, a sort of n distances: O(n·d).
 * Source: Gaucher, Dieuleveut, Hendrikx, "Unified Breakdown Analysis for Byzantine Robust Gossip", ICML 2025, arXiv
 * 2410.10418 (with near-optimal breakdown on sparse graphs).
 * Deviations: η is limited to 1 so that the result stays in the hull of the models and cannot overflow. Sums of weights
 * are compared with a relative slack of 1e-12. The public code (renaudgaucher/Byzantine-Robust-Gossip,
 * aggregators/robust_gossip.py, `cs_plus`) has none: with equal weights and b = f/n, where the weight beyond a neighbour
 * is exactly 2b, rounding decides there between that neighbour's distance and the next smaller one. It also counts
 * neighbours at the same distance one by one; here none of them is beyond another.
 */

import { parameter } from '../parameters.js'
import { beyondRadius, clippedStep, modelsForWeightBeyond, neighboursWithin } from './clipping.js'
import type { RuleDefinition } from './definition.js'

export const csPlus: RuleDefinition = {
  info: {
    name: 'cs-plus',
    formula: 'w_i − η·Σ_j W_ij·clip(w_i − w_j, τ), τ the largest distance with weight ≥ 2b beyond it',
    params: [
      parameter({
        name: 'b',
        required: true,
        min: 0,
        max: 0.499999,
        meaning: 'upper bound on the Byzantine mixing weight',
      }),
      parameter({ name: 'eta', default: 1, min: 0, max: 1, aboveMin: true, meaning: 'step size' }),
    ],
    needs: 'a bound b on the Byzantine weight',
    breakdown: 'Byzantine weight b',
    cost: 'O(n·d)',
    source: 'Gaucher et al., ICML 2025, arXiv 2410.10418',
    linear: true,
    usesWeights: true,
    weighsAll: true,
    example: { b: 0.15, eta: 1 },
  },
  screen: 'distance',
  build: ({ b, eta }) => ({
    combine: (view) => clippedStep(view, beyondRadius(view.distances, view.weights, b), eta),
    tolerated: (_models, weights) => neighboursWithin(weights, b),
    neededModels: (models, weights) => modelsForWeightBeyond(models, weights, 2 * b),
  }),
}
