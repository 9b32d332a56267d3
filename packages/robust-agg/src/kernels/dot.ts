/**
 * Inner products over float32 vectors, in float64, in the summation order of distance.ts: chunks of 2,048, element k
 * of a chunk in lane k mod 8, lanes added as ((l0 + l1) + (l2 + l3)) + ((l4 + l5) + (l6 + l7)), chunks and spans in order.
 */

import { sumSpans } from './distance.js'

const LANES = 8

/** a·x over [from, to) of a chunk; `from` is a multiple of the lanes. */
function dotChunk(a: Float32Array, x: Float32Array, from: number, to: number): number {
  let [l0, l1, l2, l3, l4, l5, l6, l7] = [0, 0, 0, 0, 0, 0, 0, 0]
  let k = from
  for (; k + LANES <= to; k += LANES) {
    l0 += a[k] * x[k]
    l1 += a[k + 1] * x[k + 1]
    l2 += a[k + 2] * x[k + 2]
    l3 += a[k + 3] * x[k + 3]
    l4 += a[k + 4] * x[k + 4]
    l5 += a[k + 5] * x[k + 5]
    l6 += a[k + 6] * x[k + 6]
    l7 += a[k + 7] * x[k + 7]
  }
  if (k < to) l0 += a[k] * x[k]
  if (k + 1 < to) l1 += a[k + 1] * x[k + 1]
  if (k + 2 < to) l2 += a[k + 2] * x[k + 2]
  if (k + 3 < to) l3 += a[k + 3] * x[k + 3]
  if (k + 4 < to) l4 += a[k + 4] * x[k + 4]
  if (k + 5 < to) l5 += a[k + 5] * x[k + 5]
  if (k + 6 < to) l6 += a[k + 6] * x[k + 6]
  return l0 + l1 + (l2 + l3) + (l4 + l5 + (l6 + l7))
}

/** (a − b)·(x − y) in the same way. */
function dotChunkFrom(
  a: Float32Array,
  b: Float32Array,
  x: Float32Array,
  y: Float32Array,
  from: number,
  to: number,
): number {
  let [l0, l1, l2, l3, l4, l5, l6, l7] = [0, 0, 0, 0, 0, 0, 0, 0]
  let k = from
  for (; k + LANES <= to; k += LANES) {
    l0 += (a[k] - b[k]) * (x[k] - y[k])
    l1 += (a[k + 1] - b[k + 1]) * (x[k + 1] - y[k + 1])
    l2 += (a[k + 2] - b[k + 2]) * (x[k + 2] - y[k + 2])
    l3 += (a[k + 3] - b[k + 3]) * (x[k + 3] - y[k + 3])
    l4 += (a[k + 4] - b[k + 4]) * (x[k + 4] - y[k + 4])
    l5 += (a[k + 5] - b[k + 5]) * (x[k + 5] - y[k + 5])
    l6 += (a[k + 6] - b[k + 6]) * (x[k + 6] - y[k + 6])
    l7 += (a[k + 7] - b[k + 7]) * (x[k + 7] - y[k + 7])
  }
  if (k < to) l0 += (a[k] - b[k]) * (x[k] - y[k])
  if (k + 1 < to) l1 += (a[k + 1] - b[k + 1]) * (x[k + 1] - y[k + 1])
  if (k + 2 < to) l2 += (a[k + 2] - b[k + 2]) * (x[k + 2] - y[k + 2])
  if (k + 3 < to) l3 += (a[k + 3] - b[k + 3]) * (x[k + 3] - y[k + 3])
  if (k + 4 < to) l4 += (a[k + 4] - b[k + 4]) * (x[k + 4] - y[k + 4])
  if (k + 5 < to) l5 += (a[k + 5] - b[k + 5]) * (x[k + 5] - y[k + 5])
  if (k + 6 < to) l6 += (a[k + 6] - b[k + 6]) * (x[k + 6] - y[k + 6])
  return l0 + l1 + (l2 + l3) + (l4 + l5 + (l6 + l7))
}

/**
 * (a − originOfA)·(x_j − origin) for each vector; without an origin, a·x_j. Differences are rounded once to float64.
 *
 * @param vectors - each of a's length
 * @param originOfA - `origin` when left out; only with an origin
 */
export function dotProducts(
  a: Float32Array,
  vectors: readonly Float32Array[],
  origin: Float32Array | null,
  originOfA: Float32Array | null = origin,
): Float64Array {
  return sumSpans(a.length, new Float64Array(vectors.length), (sums, from, to) => {
    for (let j = 0; j < vectors.length; j++) {
      sums[j] +=
        origin === null || originOfA === null
          ? dotChunk(a, vectors[j], from, to)
          : dotChunkFrom(a, originOfA, vectors[j], origin, from, to)
    }
  })
}

/** The cosine from an inner product and two squared norms; 0 when a norm is 0. Within [−1, 1]. */
export function cosine(dot: number, squareA: number, squareB: number): number {
  const length = Math.sqrt(squareA) * Math.sqrt(squareB)
  return length > 0 ? Math.max(-1, Math.min(1, dot / length)) : 0
}
