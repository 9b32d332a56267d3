/**
 * Sentinel: a similarity filter, then weights from the loss on the node's own samples, then a cut to the length of
 * the node's own model.
 *
 *   keep j iff cos(w_j, w_i) ≥ σ;   ω_j = exp(−max(0, L_j − L_i)/max(L_i, 0.001)), 0 when below λ
 *   w_i ← (w_i + Σ ω_j·min(1, ‖w_i‖/‖w_j‖)·w_j) / (1 + Σ ω_j)
 *
 * Symbols: L the mean of a sender's losses on the node's own samples (`RoundInput.evaluator`) over the rounds so far,
 * kept in `RoundInput.memory`; σ ∈ [−1, 1] least cosine, λ ∈ [0, 1] least weight. With `RoundInput.layers` the cosine
 * is the mean of the layers' cosines, and each layer is cut to the length of the node's own.
 * Breakdown precondition: none in the number of attackers; no layer of the result is longer than the node's own.
 * Cost: inner products and norms with each neighbour, an evaluation for each that passes the filter, O(n·d).
 * Source: Feng et al., "Sentinel: An Aggregation Function to Secure Decentralized Federated Learning", arXiv
 * 2310.08097; σ = 0.5, λ = 0.1 and 0.001 as in the authors' Fedstellar.
 * Deviations: Fedstellar averages the cosines of a matrix's rows within a layer; here a layer is one vector. A layer
 * longer than the node's own is shortened and none is lengthened. A loss that is not finite is not taken into the
 * mean.
 */

import type { RuleDefinition } from './definition.js'
import { average, judge, SENTINEL_PARAMETERS } from './sentinel-trust.js'

export const sentinel: RuleDefinition = {
  info: {
    name: 'sentinel',
    formula: '(w_i + Σ ω_j·min(1, ‖w_i‖/‖w_j‖)·w_j)/(1 + Σ ω_j), ω_j = exp(−max(0, L_j − L_i)/L_i), cos ≥ σ',
    params: SENTINEL_PARAMETERS,
    needs: 'own samples (`evaluator`); memory for mean losses, `layers` for layer-wise tests',
    breakdown: "no bound on the number of attackers; no layer longer than in the node's own model",
    cost: 'O(n·d) and up to n evaluations',
    source: 'Feng et al., arXiv 2310.08097',
    linear: false,
    usesWeights: false,
    needsEvaluator: true,
    usesMemory: true,
    usesLayers: true,
    example: { similarity: 0.5, leastWeight: 0.1 },
  },
  screen: 'scan',
  build: ({ similarity, leastWeight }) => ({
    tolerated: () => null,
    combine: (view) => {
      const thresholds = { similarity, leastWeight }
      const judgement = judge(view, thresholds, () => true)
      return {
        ...average(view, judgement, thresholds),
        memory: {
          own: { vector: null, values: judgement.ownValues },
          neighbours: judgement.values.map((values) => ({ vector: null, values })),
        },
      }
    },
  }),
}
