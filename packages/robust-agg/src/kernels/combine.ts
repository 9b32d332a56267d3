/**
 * Linear combinations of float32 vectors, in float64, rounded to float32 once at the store.
 *
 * Order: for each coordinate the terms are added in the order of the list. Blocking does
 * not change that. A block of every input is read before the block is written, so `out` may be one of the inputs
 * itself (but not a view that overlaps one at another offset).
 */

const BLOCK_LENGTH = 2048
const sums = new Float64Array(BLOCK_LENGTH)

/** sums[0 … to−from) = Σ_j c_j·x_j[from … to). */
function sumBlock(c: ArrayLike<number>, vectors: readonly Float32Array[], from: number, to: number): void {
  const length = to - from
  const first = c[0]
  const x = vectors[0]
  for (let k = 0; k < length; k++) sums[k] = first * x[from + k]
  let j = 1
  for (; j + 3 < vectors.length; j += 4) {
    const [c0, c1, c2, c3] = [c[j], c[j + 1], c[j + 2], c[j + 3]]
    const x0 = vectors[j]
    const x1 = vectors[j + 1]
    const x2 = vectors[j + 2]
    const x3 = vectors[j + 3]
    for (let k = 0; k < length; k++) {
      const at = from + k
      sums[k] = sums[k] + c0 * x0[at] + c1 * x1[at] + c2 * x2[at] + c3 * x3[at]
    }
  }
  for (; j < vectors.length; j++) {
    const cj = c[j]
    const xj = vectors[j]
    for (let k = 0; k < length; k++) sums[k] += cj * xj[from + k]
  }
}

/**
 * out = Σ_j c_j·x_j.
 *
 * @param coefficients - one per vector, finite
 * @param vectors - at least one, each as long as `out`
 * @param out - float32 for a model, float64 for an intermediate point
 */
export function linearCombination(
  coefficients: ArrayLike<number>,
  vectors: readonly Float32Array[],
  out: Float32Array | Float64Array,
): void {
  for (let from = 0; from < out.length; from += BLOCK_LENGTH) {
    const to = Math.min(from + BLOCK_LENGTH, out.length)
    sumBlock(coefficients, vectors, from, to)
    for (let k = from; k < to; k++) out[k] = sums[k - from]
  }
}

/** sums[0 … to−from) += Σ_j c_j·(x_j − anchor)[from … to). */
function addSteps(
  anchor: Float32Array,
  c: ArrayLike<number>,
  vectors: readonly Float32Array[],
  from: number,
  to: number,
): void {
  const length = to - from
  let j = 0
  for (; j + 3 < vectors.length; j += 4) {
    const [c0, c1, c2, c3] = [c[j], c[j + 1], c[j + 2], c[j + 3]]
    const x0 = vectors[j]
    const x1 = vectors[j + 1]
    const x2 = vectors[j + 2]
    const x3 = vectors[j + 3]
    for (let k = 0; k < length; k++) {
      const at = from + k
      const a = anchor[at]
      sums[k] = sums[k] + c0 * (x0[at] - a) + c1 * (x1[at] - a) + c2 * (x2[at] - a) + c3 * (x3[at] - a)
    }
  }
  for (; j < vectors.length; j++) {
    const cj = c[j]
    const xj = vectors[j]
    for (let k = 0; k < length; k++) sums[k] += cj * (xj[from + k] - anchor[from + k])
  }
}

/**
 * out = anchor + Σ_j c_j·(x_j − anchor): steps from the anchor, exact where all vectors agree with it.
 * With c_j = W_j·min(1, τ/‖x_j − anchor‖) this is the clipped combination of gossip.
 *
 * @param coefficients - one per vector, finite
 * @param vectors - each as long as the anchor
 */
export function anchoredCombination(
  anchor: Float32Array,
  coefficients: ArrayLike<number>,
  vectors: readonly Float32Array[],
  out: Float32Array,
): void {
  for (let from = 0; from < out.length; from += BLOCK_LENGTH) {
    const to = Math.min(from + BLOCK_LENGTH, out.length)
    for (let k = from; k < to; k++) sums[k - from] = anchor[k]
    addSteps(anchor, coefficients, vectors, from, to)
    for (let k = from; k < to; k++) out[k] = sums[k - from]
  }
}

/**
 * outs[o] = Σ_{k ∈ members[o]} share·x_k, terms in the order of the list: `linearCombination` with one coefficient
 * for all, several at once.
 *
 * @param members - the rows of each result, at least one
 * @param outs - none of them one of the vectors
 */
export function sharedCombinations(
  share: number,
  vectors: readonly Float32Array[],
  members: readonly (readonly number[])[],
  outs: readonly Float32Array[],
): void {
  members.forEach((list, o) => {
    const rows = list.map((k) => vectors[k])
    linearCombination(
      rows.map(() => share),
      rows,
      outs[o],
    )
  })
}
