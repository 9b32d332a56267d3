/**
 * UBAR: of the nearest neighbours, those that do no worse than my model on my own samples.
 *
 *   stage 1: the ⌊ρ·m⌋ nearest of my m neighbours, at least one
 *   stage 2: of these, the ones with loss ≤ mine; if there are none, the one with the least loss
 *   w_i ← α·w_i + (1 − α)·mean of the kept
 *
 * Symbols: ρ ∈ (0, 1] share of the neighbours assumed to be honest, α ∈ [0, 1] weight of the node's own model; losses
 * from `RoundInput.evaluator`.
 * Breakdown precondition: a share ρ of the neighbours honest; not checked, since ρ is that assumption.
 * Cost: one distance to each neighbour, ⌊ρ·m⌋ + 1 evaluations, one combination.
 * Source: Guo et al., "Byzantine-Resilient Decentralized Stochastic Gradient Descent", IEEE TCSVT 2021, arXiv
 * 2002.08569.
 * Deviations: the own gradient step is part of the training before the rule. When no candidate has a finite loss the
 * own model is kept instead of the "best" one.
 */

import { linearCombination } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import type { VerdictReason } from '../types.js'
import type { RuleDefinition } from './definition.js'
import { ascendingOrder } from './krum-scores.js'
import { evaluatorOf } from './round-view.js'

export const ubar: RuleDefinition = {
  info: {
    name: 'ubar',
    formula: 'of the ⌊ρ·m⌋ nearest those with loss ≤ mine, else the best; α·w_i + (1 − α)·mean',
    params: [
      parameter({
        name: 'rho',
        default: 0.4,
        min: 0,
        max: 1,
        aboveMin: true,
        meaning: 'share of the neighbours taken for honest',
      }),
      parameter({ name: 'alpha', default: 0.5, min: 0, max: 1, meaning: "weight of the node's own model" }),
    ],
    needs: 'own samples (`evaluator`), a share ρ of honest neighbours',
    breakdown: '(1 − ρ) of the neighbours',
    cost: 'O(n·d) and ⌊ρ·m⌋ + 1 evaluations',
    source: 'Guo et al., IEEE TCSVT 2021, arXiv 2002.08569',
    linear: true,
    usesWeights: false,
    needsEvaluator: true,
    example: { rho: 0.4, alpha: 0.5 },
  },
  screen: 'distance',
  build: ({ rho, alpha }) => ({
    tolerated: (models) => Math.max(0, models - 1 - Math.max(1, Math.floor(rho * (models - 1) + 1e-9))),
    combine: (view) => {
      const { own, vectors, distances, out } = view
      const evaluator = evaluatorOf(view)
      const count = Math.max(1, Math.floor(rho * vectors.length + 1e-9))
      const candidates = ascendingOrder(distances).slice(0, count)
      const threshold = evaluator.loss(own)
      const losses = new Map(candidates.map((j) => [j, evaluator.loss(vectors[j])]))
      const lossOf = (j: number): number => losses.get(j) ?? Number.POSITIVE_INFINITY
      const finite = candidates.filter((j) => Number.isFinite(lossOf(j)))
      let kept = finite.filter((j) => lossOf(j) <= threshold)
      if (kept.length === 0) {
        kept = finite.toSorted((a, b) => lossOf(a) - lossOf(b) || a - b).slice(0, 1)
      }
      kept.sort((a, b) => a - b)
      const share = (1 - alpha) / kept.length
      const weights = new Float64Array(vectors.length)
      for (const j of kept) weights[j] = share
      const reasons = vectors.map((_, j): VerdictReason => {
        if (kept.includes(j)) return 'accepted'
        return losses.has(j) ? 'loss-above-threshold' : 'not-selected'
      })
      const finiteThreshold = Number.isFinite(threshold) ? threshold : null
      const scores = vectors.map((_, j) => (Number.isFinite(lossOf(j)) ? lossOf(j) : null))
      if (kept.length === 0) {
        if (out !== own) out.set(own)
        return { ownWeight: 1, weights, scores, threshold: finiteThreshold, reasons }
      }
      linearCombination([alpha, ...kept.map(() => share)], [own, ...kept.map((j) => vectors[j])], out)
      return { ownWeight: alpha, weights, scores, threshold: finiteThreshold, reasons }
    },
  }),
}
