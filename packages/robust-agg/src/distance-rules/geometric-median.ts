/**
 * The weights of the geometric median by the smoothed Weiszfeld iteration, from distances alone.
 *
 *   β_k = 1/max(ν, ‖z − x_k‖), normalised to a_k;  ‖z − x_i‖² = Σ_j a_j·D_ij − ½·Σ_jk a_j·a_k·D_jk;  from equal weights, `steps` times
 *
 * Symbols: n models x_k, D_ij their squared distances; ν > 0, here as a share of the median distance, so that it fits any model.
 * The weights are rounded to whole numbers, the largest ν/‖z − x_k‖ to 64, since only whole multiples of shared models can be
 * added up; one below 1 counts as 0.
 * Breakdown precondition: n > 2f.
 * Source: Pillutla, Kakade, Harchaoui, IEEE TSP 2022, arXiv 1912.13445. Deviations: from the mean in place of 0, which no distance
 * leads to; ν; whole weights.
 */

import { parameter } from '../parameters.js'
import type { DistanceRuleDefinition } from './definition.js'

/** The largest weight. With 16 models that count alike they add up to 1,024. */
const LARGEST = 64
const MOST_TOTAL = 1_024
/** Where half of the models are equal: then only those count, as 1/distance stays finite. */
const LEAST_SMOOTHING = 1e-150

export const geometricMedian: DistanceRuleDefinition = {
  name: 'geometric-median',
  formula: 'weights 1/max(ν·median, ‖z − x_k‖) of the Weiszfeld iteration, as whole numbers',
  params: [
    parameter({
      name: 'nu',
      default: 0.1,
      min: 0,
      max: 1e6,
      aboveMin: true,
      meaning: 'smoothing distance ν, in median distances',
    }),
    parameter({
      name: 'steps',
      default: 8,
      min: 1,
      max: 1_000,
      integer: true,
      meaning: 'Weiszfeld iterations',
    }),
  ],
  source: 'Pillutla, Kakade, Harchaoui, IEEE TSP 2022, arXiv 1912.13445',
  fewest: () => 1,
  weigh({ squared, models: n }, { nu, steps }) {
    const sorted = squared.toSorted()
    // The diagonal is 0; each pair is there twice.
    const usual = Math.sqrt(sorted[n + ((n * (n - 1)) >> 1)] ?? 0)
    const smoothing = Math.max(nu * usual, LEAST_SMOOTHING)
    let shares = Array.from({ length: n }, () => 1 / n)
    let distances = shares.map(() => 0)
    for (let step = 0; step < steps; step++) {
      distances = distancesTo(squared, n, shares)
      const pulls = distances.map((distance) => 1 / Math.max(distance, smoothing))
      const total = pulls.reduce((sum, pull) => sum + pull, 0)
      shares = pulls.map((pull) => pull / total)
    }
    const largest = Math.min(LARGEST, Math.floor(MOST_TOTAL / n))
    const top = Math.max(...shares)
    return {
      weights: shares.map((share) => Math.round((largest * share) / top)),
      scores: distances,
      threshold: null,
    }
  },
}

/** ‖Σ_j a_j·x_j − x_i‖ for weights of sum 1. */
function distancesTo(squared: Float64Array, n: number, shares: readonly number[]): number[] {
  const sums = shares.map((_, i) => {
    let sum = 0
    for (let j = 0; j < n; j++) sum += shares[j] * squared[i * n + j]
    return sum
  })
  const half = sums.reduce((total, sum, i) => total + shares[i] * sum, 0) / 2
  return sums.map((sum) => Math.sqrt(Math.max(0, sum - half)))
}
