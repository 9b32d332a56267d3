/**
 * Inner products over float32 vectors, in float64, in the summation order of distance.ts: chunks of 2,048, element k
 * of a chunk in lane k mod 8, lanes added as ((l0 + l1) + (l2 + l3)) + ((l4 + l5) + (l6 + l7)), chunks and spans in
 * order.
 */

import { CHUNK_LENGTH, sumSpans } from './distance.js'

/** The origin where there is none, a chunk long. */
const ZEROS = new Float32Array(CHUNK_LENGTH)

/** Σ (a − p)·(x − q) over one chunk; element k of a and x belongs to element k − shift of p and q. */
function chunkProduct(
  a: Float32Array,
  x: Float32Array,
  p: Float32Array,
  q: Float32Array,
  from: number,
  to: number,
  shift: number,
): number {
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
    const o = k - shift
    l0 += (a[k] - p[o]) * (x[k] - q[o])
    l1 += (a[k + 1] - p[o + 1]) * (x[k + 1] - q[o + 1])
    l2 += (a[k + 2] - p[o + 2]) * (x[k + 2] - q[o + 2])
    l3 += (a[k + 3] - p[o + 3]) * (x[k + 3] - q[o + 3])
    l4 += (a[k + 4] - p[o + 4]) * (x[k + 4] - q[o + 4])
    l5 += (a[k + 5] - p[o + 5]) * (x[k + 5] - q[o + 5])
    l6 += (a[k + 6] - p[o + 6]) * (x[k + 6] - q[o + 6])
    l7 += (a[k + 7] - p[o + 7]) * (x[k + 7] - q[o + 7])
  }
  const rest = (k: number): number => (k < to ? (a[k] - p[k - shift]) * (x[k] - q[k - shift]) : 0)
  l0 += rest(whole)
  l1 += rest(whole + 1)
  l2 += rest(whole + 2)
  l3 += rest(whole + 3)
  l4 += rest(whole + 4)
  l5 += rest(whole + 5)
  l6 += rest(whole + 6)
  return l0 + l1 + (l2 + l3) + (l4 + l5 + (l6 + l7))
}

/**
 * (a − originOfA)·(x_j − origin) for each vector; without an origin, a·x_j. Differences are rounded once to float64.
 *
 * @param vectors - each of a's length
 * @param originOfA - default: `origin`; only with an origin
 */
export function dotProducts(
  a: Float32Array,
  vectors: readonly Float32Array[],
  origin: Float32Array | null,
  originOfA: Float32Array | null = origin,
): Float64Array {
  return sumSpans(a.length, new Float64Array(vectors.length), (sums, from, to) => {
    for (let j = 0; j < vectors.length; j++) {
      const x = vectors[j]
      sums[j] +=
        origin === null || originOfA === null
          ? chunkProduct(a, x, ZEROS, ZEROS, from, to, from)
          : chunkProduct(a, x, originOfA, origin, from, to, 0)
    }
  })
}

/** The cosine from an inner product and two squared norms; 0 when a norm is 0. Within [−1, 1]. */
export function cosine(dot: number, squareA: number, squareB: number): number {
  const length = Math.sqrt(squareA) * Math.sqrt(squareB)
  return length > 0 ? Math.max(-1, Math.min(1, dot / length)) : 0
}
