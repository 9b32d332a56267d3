/**
 * BALANCE: accept the neighbours that lie within a shrinking ball around the node's own model.
 *
 *   accept j iff ‖w_i − w_j‖ ≤ γ·exp(−κ·t/T)·‖w_i‖
 *   w_i ← α·w_i + (1 − α)·mean of the accepted;   nothing accepted: w_i is unchanged, bit for bit
 *
 * With the parameter `steps` = s, which the paper does not have, the radius is at least s·‖w_i − p_i‖, p_i the model
 * with which the node began the round. ‖w_i‖ says nothing about how far honest models lie apart when training begins
 * at zero or steps are long; the node's own step does. Two nodes that begin a round at one point end it at most the sum
 * of their steps apart, so s = 2 accepts every honest neighbour with a step of equal length.
 *
 * Symbols: γ ≥ 0 size of the ball relative to the node's own norm, κ ≥ 0 how fast it shrinks, α ∈ [0, 1] weight of
 * the node's own model, t the round, T all rounds.
 * Breakdown precondition: none in the number of attackers. For every input
 * ‖w_i(new) − w_i‖ ≤ (1 − α)·γ·exp(−κ·t/T)·‖w_i‖, up to the rounding of the result to float32.
 * Cost: one distance to each neighbour and one combination of the accepted, O(n·d).
 * Source: Fang et al., "Byzantine-Robust Decentralized Federated Learning", CCS 2024, arXiv 2406.10416.
 * Deviations: λ(t) = t/T with t from 0. When nothing is accepted the node keeps its own model; accepting the nearest
 * neighbour then, as one public implementation does, would let a single attacker in. exp is this package's own, so
 * the threshold has the same bits on every machine.
 */

import { detExp } from '../det-math.js'
import { linearCombination, squaredDistancesTo } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import type { VerdictReason } from '../types.js'
import type { RuleDefinition } from './definition.js'

export const balance: RuleDefinition = {
  info: {
    name: 'balance',
    formula: 'accept j iff ‖w_i − w_j‖ ≤ γ·exp(−κ·t/T)·‖w_i‖; α·w_i + (1 − α)·mean(accepted)',
    params: [
      parameter({ name: 'gamma', default: 0.3, min: 0, max: 1e6, meaning: 'ball radius relative to ‖w_i‖' }),
      parameter({
        name: 'kappa',
        default: 1,
        min: 0,
        max: 100,
        meaning: 'how fast the ball shrinks over the run',
      }),
      parameter({ name: 'alpha', default: 0.5, min: 0, max: 1, meaning: "weight of the node's own model" }),
      parameter({
        name: 'steps',
        min: 0,
        max: 1e6,
        meaning: "least ball radius relative to the length of the node's own training step; not in the paper",
      }),
    ],
    needs: "only the node's own model",
    breakdown: 'no bound on the number of attackers; the step is at most (1 − α)·γ·exp(−κ·t/T)·‖w_i‖',
    cost: 'O(n·d)',
    source: 'Fang et al., CCS 2024, arXiv 2406.10416',
    linear: true,
    usesWeights: false,
    example: { gamma: 0.3, kappa: 1, alpha: 0.5 },
  },
  screen: 'distance',
  build: ({ gamma, kappa, alpha, steps }) => ({
    tolerated: () => null,
    combine: ({ own, ownNorm, previous, vectors, distances, round, rounds, out }) => {
      const published = gamma * detExp((-kappa * round) / rounds) * ownNorm
      const threshold = steps === undefined ? published : Math.max(published, steps * ownStep(previous, own))
      const weights = new Float64Array(vectors.length)
      const accepted: number[] = []
      for (let j = 0; j < vectors.length; j++) {
        if (distances[j] <= threshold) accepted.push(j)
      }
      const share = (1 - alpha) / accepted.length
      for (const j of accepted) weights[j] = share
      const reasons = vectors.map(
        (_, j): VerdictReason => (distances[j] <= threshold ? 'accepted' : 'distance-above-threshold'),
      )
      if (accepted.length === 0) {
        if (out !== own) out.set(own)
        return { ownWeight: 1, weights, scores: distances, threshold, reasons }
      }
      linearCombination([alpha, ...accepted.map(() => share)], [own, ...accepted.map((j) => vectors[j])], out)
      return { ownWeight: alpha, weights, scores: distances, threshold, reasons }
    },
  }),
}

function ownStep(previous: Float32Array, own: Float32Array): number {
  return Math.sqrt(squaredDistancesTo(previous, [own], new Float64Array(1))[0]!)
}
