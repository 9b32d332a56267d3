/**
 * FLTrust, decentralised: the node's own update is the reference; updates in its direction are scaled to its length
 * and averaged by how well they agree with it.
 *
 *   g_0 = w_i − p, g_j = w_j − p;   TS_j = max(0, cos(g_j, g_0));   w_i ← p + Σ_j TS_j·(‖g_0‖/‖g_j‖)·g_j / Σ_j TS_j
 *
 * Symbols: p where the round's training began (`RoundInput.previous`), the zero vector when that is absent.
 * Breakdown precondition: none in the number of attackers; the result is at most ‖g_0‖ away from p. An attacker that
 * agrees with the node's own update gets full weight. Without any trust (Σ TS = 0) the node keeps its own model.
 * Cost: inner products and norms with each neighbour, one combination, O(n·d).
 * Source: Cao, Fang, Liu, Gong, "FLTrust: Byzantine-robust Federated Learning via Trust Bootstrapping", NDSS 2021,
 * arXiv 2012.13995.
 * Deviations: the node's own data replaces the server's root data, so its own update is the reference; the own update
 * is not part of the average. Values that the scaling pushes beyond float32 are set to the largest float32.
 */

import { anchoredCombination, linearCombination } from '../kernels/dispatch.js'
import { cosine, dotProducts } from '../kernels/dot.js'
import { saturate } from '../kernels/finite.js'
import type { VerdictReason } from '../types.js'
import type { RuleDefinition } from './definition.js'

export const fltrust: RuleDefinition = {
  info: {
    name: 'fltrust',
    formula: 'p + Σ TS_j·(‖g_0‖/‖g_j‖)·g_j / Σ TS_j, TS_j = max(0, cos(g_j, g_0)), g = w − p',
    params: [],
    needs: 'the start p of the training, or else updates relative to 0; honest updates that agree',
    breakdown: 'no bound on the number of attackers; the result stays within ‖g_0‖ of p',
    cost: 'O(n·d)',
    source: 'Cao et al., NDSS 2021, arXiv 2012.13995',
    linear: false,
    usesWeights: false,
    example: {},
  },
  screen: 'scan',
  build: () => ({
    tolerated: () => null,
    combine: ({ own, vectors, start, out }) => {
      const dots = dotProducts(own, [own, ...vectors], start)
      const squares = vectors.map((x) => dotProducts(x, [x], start)[0])
      const ownSquare = dots[0]
      const scores = Float64Array.from(squares, (square, j) => cosine(dots[j + 1], square, ownSquare))
      const trust = scores.map((score) => Math.max(0, score))
      const total = trust.reduce((sum, value) => sum + value, 0)
      const reasons = Array.from(
        trust,
        (value): VerdictReason => (value > 0 ? 'accepted' : 'similarity-below-threshold'),
      )
      if (!(total > 0)) {
        if (out !== own) out.set(own)
        return { ownWeight: 1, weights: new Float64Array(vectors.length), scores, threshold: 0, reasons }
      }
      const ownNorm = Math.sqrt(ownSquare)
      const weights = trust.map((value, j) =>
        value > 0 ? (value / total) * (ownNorm / Math.sqrt(squares[j])) : 0,
      )
      const chosen = reasons.flatMap((reason, j) => (reason === 'accepted' ? [j] : []))
      const coefficients = chosen.map((j) => weights[j])
      const kept = chosen.map((j) => vectors[j])
      // A vector close to p has a huge coefficient: only steps from p keep the coordinates in which it agrees with p.
      if (start === null) linearCombination(coefficients, kept, out)
      else anchoredCombination(start, coefficients, kept, out)
      saturate(out)
      return { ownWeight: 0, weights, scores, threshold: 0, reasons }
    },
  }),
}
