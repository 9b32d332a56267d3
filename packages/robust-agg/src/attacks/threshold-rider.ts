/**
 * Threshold rider against BALANCE: always accepted, and as far away as that allows.
 *
 *   w_i + (1 − ε)·r·u,   r = γ·exp(−κ·t/T)·‖w_i‖
 *
 * Symbols: w_i the victim's model, γ and κ as in its rule; u the unit vector from the honest mean to w_i (away from
 * the others), or a random one when that is 0; ε ∈ (0, 1] keeps a distance from the threshold.
 * Cost: O(|H|·d).
 * Source: follows from the rule of Fang et al., CCS 2024, arXiv 2406.10416; this project.
 * Deviations: halved until the float32 vector is inside. Without a victim in view the first honest model is the
 * victim's, or else the own model.
 */

import { detExp } from '../det-math.js'
import { squaredDistancesTo, squaredNorm } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import { honestMean } from './honest-moments.js'
import type { ModelAttackDefinition } from './types.js'

export const thresholdRider: ModelAttackDefinition = {
  info: {
    name: 'threshold-rider',
    kind: 'model',
    knowledge: 'all',
    formula: 'w_i + (1 − ε)·γ·exp(−κ·t/T)·‖w_i‖·u',
    params: [
      parameter({ name: 'gamma', default: 0.3, min: 0, max: 1e6, meaning: "γ of the victim's rule" }),
      parameter({ name: 'kappa', default: 1, min: 0, max: 100, meaning: "κ of the victim's rule" }),
      parameter({
        name: 'epsilon',
        default: 0.01,
        min: 0,
        max: 1,
        aboveMin: true,
        meaning: 'relative distance to the threshold',
      }),
    ],
    needs: [],
    uses: ['victim'],
    withoutHonest: "around own, or the victim's model, in a random direction",
    source: 'this project, against Fang et al., CCS 2024, arXiv 2406.10416',
  },
  build:
    ({ gamma, kappa, epsilon }) =>
    ({ own, honest, victim, round, rounds, rng }) => {
      const model = victim?.model ?? honest[0] ?? own
      const radius = gamma * detExp((-kappa * round) / rounds) * Math.sqrt(squaredNorm(model))
      const mean = honestMean(honest, model)
      let away = Float64Array.from(model, (value, k) => value - mean[k])
      const lengthOf = (x: Float64Array): number =>
        Math.sqrt(x.reduce((sum, value) => sum + value * value, 0))
      if (!(lengthOf(away) > 0)) away = away.map(() => rng.normal())
      const length = lengthOf(away)
      let step = length > 0 ? ((1 - epsilon) * radius) / length : 0
      for (;;) {
        const crafted = model.map((value, k) => value + step * away[k])
        const [square] = squaredDistancesTo(model, [crafted], new Float64Array(1))
        if (Math.sqrt(square) <= radius || step === 0) return crafted
        step = step > 1e-300 ? step / 2 : 0
      }
    },
}
