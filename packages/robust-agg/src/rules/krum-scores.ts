/** Krum's scores, shared by Krum and Multi-Krum. */

import { pairwiseSquaredDistances } from '../kernels/distance.js'

/**
 * score_i = sum of the n − f − 2 smallest squared distances from x_i to the others, added in ascending order.
 *
 * @param vectors - n finite vectors of one length, n ≥ f + 3
 */
export function krumScores(vectors: readonly Float32Array[], f: number): Float64Array {
  const n = vectors.length
  const matrix = pairwiseSquaredDistances(vectors)
  const others = new Float64Array(n - 1)
  return Float64Array.from(vectors, (_, i) => {
    for (let j = 0, k = 0; j < n; j++) if (j !== i) others[k++] = matrix[i * n + j]
    others.sort()
    let score = 0
    for (let k = 0; k < n - f - 2; k++) score += others[k]
    return score
  })
}

/** Indices from the least score up, ties to the lower index. */
export function ascendingOrder(scores: ArrayLike<number>): number[] {
  return Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[a] - scores[b] || a - b)
}
