/**
 * Reputation: what a neighbour's steps have done for the training since it began. Who has worked against it is left out.
 *
 *   c = median_k(x_k) − p,  s_j = x_j − p cut to the length ‖c‖,  r_j ← r_j + ⟨s_j, c⟩,  R ← R + ‖c‖²
 *   neighbour j is left out while r_j / R < ρ
 *
 * Symbols: n models x_k, own included, median by coordinate; p where the round's training began; r_j and R are kept in
 * `RoundInput.memory`; ρ in [−1, 1]. r_j/R is the mean over the rounds of the cosine of s_j to c (less where s_j is
 * shorter than c), each round weighing as its squared step. No round can give or take more than ‖c‖².
 * Why over all rounds: where nodes hold different data, honest steps near the end of the training point all ways, and a
 * step turned round is as honest as any by its looks. In the first rounds all honest steps point downhill, and they are
 * the long ones.
 * Breakdown precondition: an honest majority, n > 2f, from the first round on. A node that begins to attack late has
 * earned its place before, and only what stands behind this pre-aggregator meets it then; a node that joins late has its
 * short late steps alone to its credit. Without memory every round is a first.
 * Those that are left out count as exposed: a fixed f behind this counts them no more.
 * Cost: one coordinate median, O(d·n²) up to n = 64, two vectors of length d, n inner products.
 * Source: Xu and Lyu, "A Reputation Mechanism Is All You Need: Collaborative Fairness and Adversarial Robustness in
 * Federated Learning", arXiv 2011.10464 (reputation as a moving average of cosines to the aggregate).
 * Deviations: no server; the reference is the coordinate median instead of the aggregate that reputations weighed;
 * rounds weigh as their squared step instead of fading; reputations only decide who takes part.
 */

import { middleMean } from '../kernels/dispatch.js'
import { dotProducts } from '../kernels/dot.js'
import { parameter } from '../parameters.js'
import type { PreDefinition } from './definition.js'

export const reputation: PreDefinition = {
  info: {
    name: 'reputation',
    formula: 'left out while Σ_t ⟨x_j − p, c⟩/Σ_t ‖c‖² < ρ, steps cut to ‖c‖, c = median − p',
    params: [
      parameter({
        name: 'least',
        default: 0,
        min: -1,
        max: 1,
        meaning: 'the reputation ρ below which a neighbour is left out',
      }),
    ],
    cost: 'O(d·n²) up to n = 64, 2 vectors',
    source: 'after Xu and Lyu 2020, arXiv 2011.10464',
    affine: true,
    usesMemory: true,
  },
  build: ({ least }) => ({
    mix: ({ models, previous, credits }) => {
      const median = new Float32Array(models[0].length)
      middleMean(models, Math.floor((models.length - 1) / 2), median)
      const square = dotProducts(median, [median], previous)[0]
      const products = dotProducts(median, models, previous)
      const earned = models.map((x, k) => {
        if (k === 0) return square
        const own = dotProducts(x, [x], previous)[0]
        return own > square ? products[k] * Math.sqrt(square / own) : products[k]
      })
      const totals = earned.map((value, k) => value + credits[k])
      const scores = totals.map((total) => (totals[0] > 0 ? total / totals[0] : least))
      const kept = models.flatMap((_, k) => (k === 0 || scores[k] >= least ? [k] : []))
      return {
        models: kept.map((k) => models[k]),
        standsIn: models.map((_, k) => kept.indexOf(k)),
        coefficients: kept.map((k) => Float64Array.from(models, (_x, other) => (other === k ? 1 : 0))),
        exposed: models.length - kept.length,
        earned,
        refused: models.map((_, k) =>
          kept.includes(k)
            ? null
            : { reason: 'similarity-below-threshold', score: scores[k], threshold: least },
        ),
      }
    },
    outputs: (models) => models,
    neededModels: () => 1,
    tolerated: (models) => Math.floor((models - 1) / 2),
  }),
}
