/**
 * Min-Max and Min-Sum: the farthest point along a direction that is no more of an outlier than honest models are.
 *
 *   m = μ + γ·p with the largest γ such that
 *   min-max: max_i ‖m − x_i‖ ≤ max_ij ‖x_i − x_j‖;   min-sum: Σ_i ‖m − x_i‖² ≤ max_i Σ_j ‖x_i − x_j‖²
 *
 * Symbols: x_i the honest models, μ their mean; p the direction: 0 −μ/‖μ‖ (default), 1 −σ per coordinate, 2 −sign(μ).
 * Cost: O(|H|²·d); γ itself by bisection on scalars, since ‖m − x_i‖² is a parabola in γ.
 * Source: Shejwalkar, Houmansadr, "Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses for
 * Federated Learning", NDSS 2021.
 * Deviations: on models. With fewer than two honest models in view, or a direction of length 0, the mean is sent, or
 * the own model.
 */

import { parameter } from '../parameters.js'
import { dot, squaredDistance } from './float64-vectors.js'
import { honestDeviation, honestMean } from './honest-moments.js'
import type { ModelAttackDefinition } from './types.js'

function directionOf(kind: number, mean: Float64Array, deviation: Float64Array): Float64Array {
  if (kind === 1) return deviation.map((value) => -value)
  if (kind === 2) return mean.map((value) => -Math.sign(value))
  const length = Math.sqrt(dot(mean, mean))
  return length > 0 ? mean.map((value) => -value / length) : mean.map(() => 0)
}

/** The largest γ with allowed(γ), where allowed holds exactly on [0, γ]. */
function largest(allowed: (gamma: number) => boolean): number {
  let high = 1
  while (allowed(high) && high < 1e30) high *= 2
  let low = 0
  for (let k = 0; k < 100; k++) {
    const middle = (low + high) / 2
    if (allowed(middle)) low = middle
    else high = middle
  }
  return low
}

const direction = parameter({
  name: 'direction',
  default: 0,
  min: 0,
  max: 2,
  integer: true,
  meaning: '0: against the unit mean, 1: against the deviation, 2: against the sign of the mean',
})

function definition(name: 'min-max' | 'min-sum', formula: string): ModelAttackDefinition {
  return {
    info: {
      name,
      kind: 'model',
      knowledge: 'all',
      formula,
      params: [direction],
      needs: [],
      uses: [],
      withoutHonest: 'own',
      source: 'Shejwalkar and Houmansadr, NDSS 2021',
    },
    build:
      ({ direction: kind }) =>
      ({ own, honest }) => {
        const mean = honestMean(honest, own)
        const along = directionOf(kind, mean, honestDeviation(honest, mean))
        const square = dot(along, along)
        if (honest.length < 2 || !(square > 0)) return Float32Array.from(mean)
        // ‖μ + γ·p − x_i‖² = base_i + 2γ·slope_i + γ²·‖p‖².
        const base = honest.map((x) => squaredDistance(mean, x))
        const slope = honest.map((x) => dot(along, mean) - dot(along, x))
        const pairs = honest.map((x) => honest.map((y) => squaredDistance(x, y)))
        const at = (gamma: number): number[] =>
          base.map((value, i) => value + 2 * gamma * slope[i] + gamma * gamma * square)
        const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
        const bound = name === 'min-max' ? Math.max(...pairs.flat()) : Math.max(...pairs.map(sum))
        const score = (values: readonly number[]): number =>
          name === 'min-max' ? Math.max(...values) : sum(values)
        const gamma = largest((candidate) => score(at(candidate)) <= bound)
        return Float32Array.from(mean, (value, k) => value + gamma * along[k])
      },
  }
}

export const minMax = definition('min-max', 'μ + γ·p, largest γ with max_i ‖m − x_i‖ ≤ max_ij ‖x_i − x_j‖')
export const minSum = definition('min-sum', 'μ + γ·p, largest γ with Σ_i ‖m − x_i‖² ≤ max_i Σ_j ‖x_i − x_j‖²')
