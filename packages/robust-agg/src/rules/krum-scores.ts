/** Krum's scores, shared by Krum, Multi-Krum and Bulyan. */

import { pairwiseSquaredDistances } from '../kernels/dispatch.js'

/**
 * score_i = sum of the r − f − 2 smallest squared distances from x_i to the other r − 1 models left, added in
 * ascending order; 0 when that sums no distance.
 *
 * @param matrix - squared distances, n×n row-major
 * @param left - the r indices that count, ascending; the scores are in this order
 */
export function scoresFromMatrix(
  matrix: Float64Array,
  n: number,
  left: readonly number[],
  f: number,
): Float64Array {
  const others = new Float64Array(Math.max(0, left.length - 1))
  return Float64Array.from(left, (i) => {
    let k = 0
    for (const j of left) if (j !== i) others[k++] = matrix[i * n + j]
    others.sort()
    let score = 0
    for (k = 0; k < left.length - f - 2; k++) score += others[k]
    return score
  })
}

/**
 * The scores of all.
 *
 * @param vectors - n finite vectors of one length, n ≥ f + 3
 */
export function krumScores(vectors: readonly Float32Array[], f: number): Float64Array {
  const n = vectors.length
  return scoresFromMatrix(
    pairwiseSquaredDistances(vectors),
    n,
    vectors.map((_, i) => i),
    f,
  )
}

/** Indices in ascending order of scores; ties go to the lower index. */
export function ascendingOrder(scores: ArrayLike<number>): number[] {
  return Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[a] - scores[b] || a - b)
}
