/** Shared by the clipping rules: radii computed from weighted distances, and the clipped step itself. */

import { anchoredCombination } from '../kernels/dispatch.js'
import type { VerdictReason } from '../types.js'
import type { Outcome, RoundView } from './round-view.js'

/** Relative slack in comparisons of summed weights, so that 0.1 + 0.2 counts as 0.3. */
const WEIGHT_SLACK = 1e-12

/** Neighbour indices, farthest first; equal distances by weight, so that sums do not depend on their order. */
function farthestFirst(distances: Float64Array, weights: Float64Array): number[] {
  return Array.from(distances.keys()).sort(
    (a, b) => distances[b] - distances[a] || weights[b] - weights[a] || a - b,
  )
}

/** True when `sum` reaches `bound` up to rounding. */
function reaches(sum: number, bound: number): boolean {
  return sum >= bound * (1 - WEIGHT_SLACK)
}

/**
 * The smallest number of models, including the node's own, for which neighbours of a total weight of at least `bound`
 * are always farther away than some neighbour, whatever the distances: the weight of all but the heaviest neighbour
 * must reach the bound. For equal weights 1/n that is n ≥ 2/(1 − bound).
 */
export function modelsForWeightBeyond(models: number, weights: ArrayLike<number>, bound: number): number {
  const sorted = Array.from(weights).sort((x, y) => x - y)
  let others = 0
  for (let k = 0; k + 1 < sorted.length; k++) others += sorted[k]
  if (sorted.length > 0 && reaches(others, bound)) return models
  return Math.max(models + 1, Math.ceil((2 / (1 - bound)) * (1 - WEIGHT_SLACK)))
}

/** How many neighbours, starting with the heaviest, fit into a total weight of at most `bound`. */
export function neighboursWithin(weights: ArrayLike<number>, bound: number): number {
  const sorted = Array.from(weights).sort((x, y) => y - x)
  let sum = 0
  let count = 0
  while (count < sorted.length && sum + sorted[count] <= bound * (1 + WEIGHT_SLACK)) sum += sorted[count++]
  return count
}

/**
 * Neighbour indices that remain when the farthest neighbours are dropped until the dropped weight is at least `b`;
 * nearest last.
 */
export function withoutFarthest(distances: Float64Array, weights: Float64Array, b: number): number[] {
  const order = farthestFirst(distances, weights)
  let dropped = 0
  let first = 0
  while (first < order.length && !reaches(dropped, b)) dropped += weights[order[first++]]
  return order.slice(first)
}

/** Where the weight of the farthest neighbours exceeds b. */
export interface Boundary {
  /** Neighbours nearer than the boundary, nearest last. */
  readonly inside: readonly number[]
  /** The neighbour with which the weight exceeds b; null when all neighbours together do not. */
  readonly at: number | null
  /** By how much it does, in (0, W_at]; W_at when the farther ones weigh exactly b. */
  readonly excess: number
}

/** Drops the farthest neighbours until their weight exceeds `b` by more than rounding. */
export function boundaryOf(distances: Float64Array, weights: Float64Array, b: number): Boundary {
  const order = farthestFirst(distances, weights)
  let beyond = 0
  for (let k = 0; k < order.length; k++) {
    const weight = weights[order[k]]
    if (beyond + weight > b * (1 + WEIGHT_SLACK)) {
      const excess = reaches(beyond, b) ? weight : beyond + weight - b
      return { inside: order.slice(k + 1), at: order[k], excess }
    }
    beyond += weight
  }
  return { inside: [], at: null, excess: 0 }
}

/**
 * The radius that knows who is honest: sqrt(Σ_honest W_j·d_j² / δ), δ the weight of the others; the largest float64
 * when they have none.
 */
export function oracleRadius(
  distances: Float64Array,
  weights: Float64Array,
  honest: ArrayLike<boolean>,
): number {
  let sum = 0
  let byzantine = 0
  for (let j = 0; j < distances.length; j++) {
    if (honest[j]) sum += weights[j] * distances[j] * distances[j]
    else byzantine += weights[j]
  }
  return byzantine > 0 ? Math.sqrt(sum / byzantine) : Number.MAX_VALUE
}

/**
 * The radius sqrt(Σ_kept W_j·d_j² / b), where the farthest neighbours are dropped until the dropped weight is at
 * least b. 0 when all are dropped.
 *
 * @param b - bound on the Byzantine weight, above 0
 * @param above - drop until the weight is above b, so one neighbour more where it is b exactly
 */
export function practicalRadius(
  distances: Float64Array,
  weights: Float64Array,
  b: number,
  above = false,
): number {
  const kept = above
    ? boundaryOf(distances, weights, b).inside.slice()
    : withoutFarthest(distances, weights, b)
  let sum = 0
  for (const j of kept.reverse()) {
    sum += weights[j] * distances[j] * distances[j]
  }
  return Math.sqrt(sum / b)
}

/**
 * The largest neighbour distance with a total weight of at least 2b strictly beyond it; 0 (my own distance to
 * myself) when no neighbour has that.
 */
export function beyondRadius(distances: Float64Array, weights: Float64Array, b: number): number {
  const order = farthestFirst(distances, weights)
  let beyond = 0
  for (let k = 0; k < order.length; ) {
    const distance = distances[order[k]]
    if (reaches(beyond, 2 * b)) return distance
    for (; k < order.length && distances[order[k]] === distance; k++) beyond += weights[order[k]]
  }
  return 0
}

/**
 * out = own + Σ_j step·W_j·clip(x_j − own, τ), clip(v, τ) = v·min(1, τ/‖v‖), and the verdicts for it. When every step
 * has length 0 the result is the node's own model, bit for bit.
 */
export function clippedStep(view: RoundView, radius: number, step: number): Outcome {
  const { own, vectors, distances, weights, out } = view
  const coefficients = new Float64Array(vectors.length)
  const reasons: VerdictReason[] = []
  let ownWeight = 1
  let moves = false
  for (let j = 0; j < vectors.length; j++) {
    const inside = distances[j] <= radius
    coefficients[j] = step * weights[j] * (inside ? 1 : radius / distances[j])
    ownWeight -= coefficients[j]
    reasons.push(inside ? 'accepted' : radius > 0 ? 'clipped' : 'distance-above-threshold')
    moves ||= coefficients[j] * distances[j] > 0
  }
  if (moves) anchoredCombination(own, coefficients, vectors, out)
  else if (out !== own) out.set(own)
  return { ownWeight, weights: coefficients, scores: distances, threshold: radius, reasons }
}
