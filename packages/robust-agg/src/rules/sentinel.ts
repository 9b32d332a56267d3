/**
 * Sentinel: a similarity filter, then weights from the loss on the own samples, then a cut to the own length.
 *
 *   keep j iff cos(w_j, w_i) ≥ σ;   ω_j = exp(−max(0, L_j − L_i)/max(L_i, 0.001)), 0 when below λ
 *   w_i ← (w_i + Σ ω_j·min(1, ‖w_i‖/‖w_j‖)·w_j) / (1 + Σ ω_j)
 *
 * Symbols: L losses on the own samples (`RoundInput.evaluator`), σ ∈ [−1, 1] least cosine, λ ∈ [0, 1] least weight.
 * Breakdown precondition: none in the number of attackers; ‖result‖ ≤ ‖w_i‖.
 * Cost: inner products and norms with each neighbour, an evaluation for each that passes the filter, O(n·d).
 * Source: Feng et al., "Sentinel: An Aggregation Function to Secure Decentralized Federated Learning", arXiv
 * 2310.08097; σ = 0.5, λ = 0.1 and 0.001 as in the authors' Fedstellar.
 * Deviations: cosine and length are those of the whole vector, not layer by layer, since a rule knows no layers. The
 * loss is this round's, not a mean over rounds. SentinelGlobal's exchange of trust scores is not part of a rule.
 */

import { detExp } from '../det-math.js'
import { linearCombination } from '../kernels/dispatch.js'
import { cosine, dotProducts } from '../kernels/dot.js'
import { parameter } from '../parameters.js'
import type { VerdictReason } from '../types.js'
import type { RuleDefinition } from './definition.js'
import { evaluatorOf } from './round-view.js'

const LEAST_LOSS = 0.001

export const sentinel: RuleDefinition = {
  info: {
    name: 'sentinel',
    formula: '(w_i + Σ ω_j·min(1, ‖w_i‖/‖w_j‖)·w_j)/(1 + Σ ω_j), ω_j = exp(−max(0, L_j − L_i)/L_i), cos ≥ σ',
    params: [
      parameter({ name: 'similarity', default: 0.5, min: -1, max: 1, meaning: 'least cosine σ' }),
      parameter({ name: 'leastWeight', default: 0.1, min: 0, max: 1, meaning: 'loss weights below λ are 0' }),
    ],
    needs: 'own samples (`evaluator`)',
    breakdown: 'no bound on the number of attackers; never longer than the own model',
    cost: 'O(n·d) and up to n evaluations',
    source: 'Feng et al., arXiv 2310.08097',
    linear: false,
    usesWeights: false,
    needsEvaluator: true,
    example: { similarity: 0.5, leastWeight: 0.1 },
  },
  screen: 'scan',
  build: ({ similarity, leastWeight }) => ({
    tolerated: () => null,
    combine: (view) => {
      const { own, vectors, ownNorm, out } = view
      const evaluator = evaluatorOf(view)
      const dots = dotProducts(own, vectors, null)
      const squares = vectors.map((x) => dotProducts(x, [x], null)[0])
      const scores = vectors.map((_, j) => cosine(dots[j], squares[j], ownNorm * ownNorm))
      const ownLoss = evaluator.loss(own)
      const trust = vectors.map((x, j) => {
        if (!(scores[j] >= similarity)) return null
        const excess = Math.max(0, evaluator.loss(x) - ownLoss)
        const weight = detExp(-excess / Math.max(LEAST_LOSS, ownLoss))
        return weight >= leastWeight && weight > 0 ? weight : 0
      })
      const total = trust.reduce<number>((sum, value) => sum + (value ?? 0), 1)
      const weights = trust.map((value, j) => {
        const length = Math.sqrt(squares[j])
        return ((value ?? 0) / total) * (length > ownNorm ? ownNorm / length : 1)
      })
      const reasons = trust.map((value, j): VerdictReason => {
        if (value === null) return 'similarity-below-threshold'
        if (value === 0) return 'loss-above-threshold'
        return Math.sqrt(squares[j]) > ownNorm ? 'clipped' : 'accepted'
      })
      const kept = vectors.flatMap((_, j) => ((trust[j] ?? 0) > 0 ? [j] : []))
      if (kept.length > 0) {
        linearCombination(
          [1 / total, ...kept.map((j) => weights[j])],
          [own, ...kept.map((j) => vectors[j])],
          out,
        )
      } else if (out !== own) out.set(own)
      return { ownWeight: 1 / total, weights, scores, threshold: similarity, reasons }
    },
  }),
}
