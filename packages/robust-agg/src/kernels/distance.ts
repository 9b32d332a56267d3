/**
 * Sums of squares over float32 vectors, in float64.
 *
 * Summation order, the same for every kernel here and for all other implementations: the vector is cut into chunks of
 * 2,048; inside a chunk element k goes to lane k mod 8; the lanes are added as
 * ((l0 + l1) + (l2 + l3)) + ((l4 + l5) + (l6 + l7)); the chunk sums of a span of 65,536 are added in index order,
 * starting from 0, and the span sums likewise. Each difference and each square is rounded once to float64.
 *
 * No float32 vector can overflow these sums ((2·3.4e38)² = 4.6e77), so a result is finite exactly when every element
 * read was finite: the rules use that as their check for NaN and infinity.
 */

import { linearCombination } from './combine.js'

export const CHUNK_LENGTH = 2048
export const SPAN_LENGTH = 65536

/**
 * totals[j] = the sum over all chunks of what `add` adds for a chunk: first the chunks of a span, then the spans.
 *
 * @param totals - overwritten
 */
export function sumSpans(
  length: number,
  totals: Float64Array,
  add: (sums: Float64Array, from: number, to: number) => void,
): Float64Array {
  const sums = new Float64Array(totals.length)
  totals.fill(0)
  for (let span = 0; span < length; span += SPAN_LENGTH) {
    sums.fill(0)
    const end = Math.min(span + SPAN_LENGTH, length)
    for (let from = span; from < end; from += CHUNK_LENGTH)
      add(sums, from, Math.min(from + CHUNK_LENGTH, end))
    for (let j = 0; j < totals.length; j++) totals[j] += sums[j]
  }
  return totals
}

type Vector = Float32Array | Float64Array

function chunkSquares(x: Float32Array, from: number, to: number): number {
  let l0 = 0
  let l1 = 0
  let l2 = 0
  let l3 = 0
  let l4 = 0
  let l5 = 0
  let l6 = 0
  let l7 = 0
  const whole = to - ((to - from) & 7)
  for (let k = from; k < whole; k += 8) {
    l0 += x[k] * x[k]
    l1 += x[k + 1] * x[k + 1]
    l2 += x[k + 2] * x[k + 2]
    l3 += x[k + 3] * x[k + 3]
    l4 += x[k + 4] * x[k + 4]
    l5 += x[k + 5] * x[k + 5]
    l6 += x[k + 6] * x[k + 6]
    l7 += x[k + 7] * x[k + 7]
  }
  if (whole < to) l0 += x[whole] * x[whole]
  if (whole + 1 < to) l1 += x[whole + 1] * x[whole + 1]
  if (whole + 2 < to) l2 += x[whole + 2] * x[whole + 2]
  if (whole + 3 < to) l3 += x[whole + 3] * x[whole + 3]
  if (whole + 4 < to) l4 += x[whole + 4] * x[whole + 4]
  if (whole + 5 < to) l5 += x[whole + 5] * x[whole + 5]
  if (whole + 6 < to) l6 += x[whole + 6] * x[whole + 6]
  return l0 + l1 + (l2 + l3) + (l4 + l5 + (l6 + l7))
}

function chunkSquaredDifferences(a: Vector, b: Float32Array, from: number, to: number): number {
  let l0 = 0
  let l1 = 0
  let l2 = 0
  let l3 = 0
  let l4 = 0
  let l5 = 0
  let l6 = 0
  let l7 = 0
  const whole = to - ((to - from) & 7)
  for (let k = from; k < whole; k += 8) {
    const d0 = a[k] - b[k]
    const d1 = a[k + 1] - b[k + 1]
    const d2 = a[k + 2] - b[k + 2]
    const d3 = a[k + 3] - b[k + 3]
    const d4 = a[k + 4] - b[k + 4]
    const d5 = a[k + 5] - b[k + 5]
    const d6 = a[k + 6] - b[k + 6]
    const d7 = a[k + 7] - b[k + 7]
    l0 += d0 * d0
    l1 += d1 * d1
    l2 += d2 * d2
    l3 += d3 * d3
    l4 += d4 * d4
    l5 += d5 * d5
    l6 += d6 * d6
    l7 += d7 * d7
  }
  let d = 0
  if (whole < to) {
    d = a[whole] - b[whole]
    l0 += d * d
  }
  if (whole + 1 < to) {
    d = a[whole + 1] - b[whole + 1]
    l1 += d * d
  }
  if (whole + 2 < to) {
    d = a[whole + 2] - b[whole + 2]
    l2 += d * d
  }
  if (whole + 3 < to) {
    d = a[whole + 3] - b[whole + 3]
    l3 += d * d
  }
  if (whole + 4 < to) {
    d = a[whole + 4] - b[whole + 4]
    l4 += d * d
  }
  if (whole + 5 < to) {
    d = a[whole + 5] - b[whole + 5]
    l5 += d * d
  }
  if (whole + 6 < to) {
    d = a[whole + 6] - b[whole + 6]
    l6 += d * d
  }
  return l0 + l1 + (l2 + l3) + (l4 + l5 + (l6 + l7))
}

/** ‖x‖², 0 for an empty vector. */
export function squaredNorm(x: Float32Array): number {
  return sumSpans(x.length, new Float64Array(1), (sums, from, to) => {
    sums[0] += chunkSquares(x, from, to)
  })[0]
}

/**
 * ‖anchor − x_j‖² for each vector, one pass over the anchor.
 *
 * @param vectors - each of the anchor's length
 * @param out - as many values as vectors; overwritten
 */
export function squaredDistancesTo(
  anchor: Vector,
  vectors: readonly Float32Array[],
  out: Float64Array,
): Float64Array {
  return sumSpans(anchor.length, out, (sums, from, to) => {
    for (let j = 0; j < vectors.length; j++) sums[j] += chunkSquaredDifferences(anchor, vectors[j], from, to)
  })
}

/**
 * ‖Σ_k c_k·x_k − x_j‖² for each of the vectors, without storing the combination: it is summed chunk by chunk in
 * float64, as in `linearCombination`, and compared at once.
 *
 * @param out - as many values as vectors; overwritten
 */
export function squaredDistancesToCombination(
  coefficients: ArrayLike<number>,
  vectors: readonly Float32Array[],
  out: Float64Array,
): Float64Array {
  const d = vectors.length === 0 ? 0 : vectors[0].length
  return sumSpans(d, out, (sums, from, to) => {
    const parts = vectors.map((x) => x.subarray(from, to))
    const point = new Float64Array(to - from)
    linearCombination(coefficients, parts, point)
    for (let j = 0; j < vectors.length; j++) sums[j] += chunkSquaredDifferences(point, parts[j], 0, to - from)
  })
}

/** Float32 lanes of a pairwise distance. */
const PAIR_LANES = 16
/** Sums below this are computed again in float64: their squares may have been too small for float32. */
export const LEAST_PAIR_SUM = 2 ** -60

const pairLanes = new Float32Array(PAIR_LANES)

/** A chunk of ‖a − b‖²: differences, squares and their sums in 16 float32 lanes, the lanes added in float64. */
function chunkPair(a: Float32Array, b: Float32Array, from: number, to: number): number {
  pairLanes.fill(0)
  for (let k = from; k < to; k++) {
    const difference = Math.fround(a[k] - b[k])
    pairLanes[(k - from) % PAIR_LANES] += Math.fround(difference * difference)
  }
  const l = pairLanes
  let sum = 0
  for (let q = 0; q < PAIR_LANES; q += 4) sum += l[q] + l[q + 1] + (l[q + 2] + l[q + 3])
  return sum
}

/**
 * All ‖x_i − x_j‖² as a symmetric n×n row-major matrix with a zero diagonal. Computed from differences, never from a
 * Gram matrix, whose cancellation destroys small distances.
 *
 * Here, where the work grows with n², a chunk of 2,048 is summed in float32: element k in lane k mod 16, then in
 * float64 (l0 + l1) + (l2 + l3), plus the same of every further four, then chunks and spans in index order. The
 * relative error is about 1e-7. A pair whose sum is not in [2⁻⁶⁰, ∞) is computed again as in `squaredDistancesTo`, so
 * nothing overflows or underflows.
 *
 * @param vectors - n finite vectors of one length
 */
export function pairwiseSquaredDistances(vectors: readonly Float32Array[]): Float64Array {
  const n = vectors.length
  const d = n === 0 ? 0 : vectors[0].length
  const matrix = sumSpans(d, new Float64Array(n * n), (sums, from, to) => {
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++) sums[i * n + j] += chunkPair(vectors[i], vectors[j], from, to)
    }
  })
  return completeMatrix(matrix, vectors, squaredDistancesTo)
}

/** Computes pairs outside float32's range again with `distances`, and fills in the lower half. */
export function completeMatrix(
  matrix: Float64Array,
  vectors: readonly Float32Array[],
  distances: (anchor: Float32Array, others: readonly Float32Array[], out: Float64Array) => Float64Array,
): Float64Array {
  const n = vectors.length
  for (let i = 0; i < n; i++) {
    const again: number[] = []
    for (let j = i + 1; j < n; j++) {
      const sum = matrix[i * n + j]
      if (!(sum >= LEAST_PAIR_SUM && sum < Number.POSITIVE_INFINITY)) again.push(j)
    }
    const others = again.map((j) => vectors[j])
    const sums = again.length === 0 ? [] : distances(vectors[i], others, new Float64Array(again.length))
    again.forEach((j, k) => {
      matrix[i * n + j] = sums[k]
    })
    for (let j = i + 1; j < n; j++) matrix[j * n + i] = matrix[i * n + j]
  }
  return matrix
}
