/**
 * Centred clipping over all models, including the node's own, around the node's last aggregate.
 *
 *   v ← v + (1/n)·Σ_k clip(x_k − v, τ),   clip(u, τ) = u·min(1, τ/‖u‖),   `steps` times
 *
 * Symbols: n models x_k, including the node's own; v starts at `RoundInput.previous`, or at the node's own model when
 * that is absent; τ > 0 radius, in units of the parameters; steps ≥ 1.
 * Breakdown precondition: a minority of attackers; nothing is thrown, since f is not a parameter. Each model moves
 * the result by at most τ/n per step.
 * Cost: n distances to v and one combination, O(n·d), for one step; for more of them also all pairwise distances, or
 * n distances to a combination that is never stored in each further step, O(min(n, steps)·n·d).
 * Source: Karimireddy, He, Jaggi, "Learning from History for Byzantine Robust Optimization", ICML 2021, arXiv
 * 2012.10333 (centred clipping).
 * Deviations: on models instead of momenta. The weights do not sum to 1 in general: the rest is the weight of v's
 * start. Distances after the first step have an error of at most 2⁻¹³ of max(τ, distance), and are always on the
 * correct side of τ: see the bound in combination-distances.ts. With no usable neighbour the node's own model is
 * kept.
 */

import { linearCombination, squaredDistancesTo } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import type { VerdictReason } from '../types.js'
import { toleratedCount } from './byzantine-count.js'
import { createCombinationDistances } from './combination-distances.js'
import type { RuleDefinition } from './definition.js'

export const centredClipping: RuleDefinition = {
  info: {
    name: 'centred-clipping',
    formula: 'v ← v + (1/n)·Σ_k clip(x_k − v, τ), v from the last aggregate',
    params: [
      parameter({
        name: 'tau',
        required: true,
        min: 0,
        max: 1e30,
        aboveMin: true,
        meaning: 'radius of a step',
      }),
      parameter({ name: 'steps', default: 1, min: 1, max: 1000, integer: true, meaning: 'iterations' }),
    ],
    needs: "a radius; the last aggregate, or else the node's own model",
    breakdown: 'a minority of models; each moves the result by at most steps·τ/n',
    cost: 'O(min(n, steps)·n·d)',
    source: 'Karimireddy et al., ICML 2021, arXiv 2012.10333',
    linear: false,
    usesWeights: false,
    weighsAll: true,
    example: { tau: 1, steps: 1 },
  },
  screen: 'scan',
  build: ({ tau, steps }) => {
    return {
      tolerated: (models) => toleratedCount(undefined, models, 1),
      combine: ({ own, vectors, previous, out }) => {
        // The point is always Σ_k weights[k]·models[k]; models[0] is where it starts.
        const models = [previous, own, ...vectors]
        const n = models.length - 1
        const weights = new Float64Array(models.length)
        weights[0] = 1
        const squares = new Float64Array(models.length)
        squaredDistancesTo(previous, models.slice(1), squares.subarray(1))
        const moving = createCombinationDistances({
          models: models.slice(1),
          anchor: previous,
          squaredRadii: squares.slice(1),
          limit: tau,
          sharp: true,
          steps: steps - 1,
        })
        const distances = new Float64Array(models.length)
        for (let step = 0; step < steps; step++) {
          if (step > 0) moving.measure(weights, squares)
          let moved = 0
          const shares = new Float64Array(models.length)
          for (let k = 1; k < models.length; k++) {
            distances[k] = Math.sqrt(squares[k])
            shares[k] = (distances[k] <= tau ? 1 : tau / distances[k]) / n
            moved += shares[k]
          }
          // Rounding of `moved` must not make it negative.
          const rest = Math.max(0, 1 - moved)
          for (let k = 0; k < models.length; k++) weights[k] = weights[k] * rest + shares[k]
        }
        linearCombination(weights, models, out)
        const scores = distances.subarray(2)
        return {
          ownWeight: previous === own ? weights[0] + weights[1] : weights[1],
          weights: weights.subarray(2),
          scores,
          threshold: tau,
          reasons: Array.from(
            scores,
            (distance): VerdictReason => (distance <= tau ? 'accepted' : 'clipped'),
          ),
        }
      },
    }
  },
}
