/**
 * Geometric median by the smoothed Weiszfeld iteration (RFA), over all models, including the node's own.
 *
 *   z ← Σ_k β_k·x_k / Σ_k β_k,   β_k = 1/max(ν, ‖z − x_k‖),   from z = 0, `steps` times
 *
 * Symbols: n models x_k, including the node's own; ν > 0 smoothing, in units of the parameters; steps ≥ 1.
 * Breakdown precondition: n > 2f; nothing is thrown, since f is not a parameter.
 * Cost: norms, all pairwise distances and one combination, O(n²·d) for any number of steps; with more than about
 * 7·steps models, or one far from the others, n distances to a combination that is never stored in each step,
 * O(steps·n·d).
 * Source: Pillutla, Kakade, Harchaoui, "Robust Aggregation for Federated Learning", IEEE TSP 2022, arXiv 1912.13445.
 * Deviations: behind a pre-aggregator that found that what honest nodes learn goes against one another
 * (`RoundView.opposed`), ν is at least the median of the ‖z − x_k‖ in each step: the nearer half counts in full, as in
 * Huber's estimator of location (Annals of Mathematical Statistics 1964). Equal sample weights. Distances after the first step have an error of at most 2⁻¹³ of max(ν, distance),
 * in practice about 1e-7: see combination-distances.ts for the bound and for what happens when it would not hold.
 */

import { linearCombination, squaredNorm } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import { toleratedCount } from './byzantine-count.js'
import { createCombinationDistances } from './combination-distances.js'
import type { RuleDefinition } from './definition.js'

export const geometricMedian: RuleDefinition = {
  info: {
    name: 'geometric-median',
    formula: 'z ← Σ β_k·x_k / Σ β_k, β_k = 1/max(ν, ‖z − x_k‖), from z = 0',
    params: [
      parameter({
        name: 'nu',
        default: 0.1,
        min: 0,
        max: 1e6,
        aboveMin: true,
        meaning: 'smoothing distance ν',
      }),
      parameter({
        name: 'steps',
        default: 8,
        min: 1,
        max: 1000,
        integer: true,
        meaning: 'Weiszfeld iterations',
      }),
    ],
    needs: 'an honest majority, n > 2f',
    breakdown: '⌊(n − 1)/2⌋ models',
    cost: 'O(min(n, steps)·n·d)',
    source: 'Pillutla et al., IEEE TSP 2022, arXiv 1912.13445',
    linear: true,
    usesWeights: false,
    weighsAll: true,
    example: { nu: 0.1, steps: 8 },
  },
  screen: 'scan',
  build: ({ nu, steps }) => {
    return {
      tolerated: (models) => toleratedCount(undefined, models, 1),
      combine: ({ own, vectors, opposed, out }) => {
        const models = [own, ...vectors]
        const squares = Float64Array.from(models, (x) => squaredNorm(x))
        const distances = createCombinationDistances({
          models,
          anchor: null,
          squaredRadii: squares.slice(),
          limit: nu,
          sharp: false,
          steps: steps - 1,
        })
        const weights = new Float64Array(models.length)
        for (let step = 0; step < steps; step++) {
          if (step > 0) distances.measure(weights, squares)
          const smoothing = opposed ? Math.max(nu, Math.sqrt(squares.toSorted()[squares.length >> 1])) : nu
          let total = 0
          for (let k = 0; k < models.length; k++) {
            const distance = Math.sqrt(squares[k])
            weights[k] = 1 / Math.max(distance, smoothing)
            total += weights[k]
          }
          for (let k = 0; k < models.length; k++) weights[k] /= total
        }
        linearCombination(weights, models, out)
        return {
          ownWeight: weights[0],
          weights: weights.subarray(1),
          scores: null,
          threshold: null,
          reasons: vectors.map(() => 'accepted'),
        }
      },
    }
  },
}
