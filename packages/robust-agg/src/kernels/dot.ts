/**
 * Inner products over float32 vectors, in float64, in the summation order of distance.ts: chunks of 2,048, element k
 * of a chunk in lane k mod 8, lanes added as ((l0 + l1) + (l2 + l3)) + ((l4 + l5) + (l6 + l7)), chunks and spans in
 * order.
 */

import { sumSpans } from './distance.js'

const lanes = new Float64Array(8)

function foldLanes(): number {
  const [l0, l1, l2, l3, l4, l5, l6, l7] = lanes
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
      lanes.fill(0)
      if (origin === null || originOfA === null) for (let k = from; k < to; k++) lanes[k & 7] += a[k] * x[k]
      else for (let k = from; k < to; k++) lanes[k & 7] += (a[k] - originOfA[k]) * (x[k] - origin[k])
      sums[j] += foldLanes()
    }
  })
}

/** The cosine from an inner product and two squared norms; 0 when a norm is 0. Within [−1, 1]. */
export function cosine(dot: number, squareA: number, squareB: number): number {
  const length = Math.sqrt(squareA) * Math.sqrt(squareB)
  return length > 0 ? Math.max(-1, Math.min(1, dot / length)) : 0
}
