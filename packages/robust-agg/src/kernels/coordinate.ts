/**
 * Order statistics per coordinate. Values are compared as integer keys in the total order
 * −∞ < … < −0 < +0 < … < ∞, so the result does not depend on the order of the vectors, not even in the sign of
 * a zero. Means are taken in float64 over ascending values and rounded to float32 at the store.
 */

/** Insertion sort up to this number; above it, the engine's sort of integers. */
const INSERTION_SORT_MAX = 64

/** The bits of each vector, without a copy. */
function bitViews(vectors: readonly Float32Array[]): Int32Array[] {
  return vectors.map((x) => new Int32Array(x.buffer, x.byteOffset, x.length))
}

/** An involution: float32 bits to an integer that sorts like the value, and back. */
function sortKey(bits: number): number {
  return bits ^ ((bits >> 31) >>> 1)
}

/** column = the sorted keys of coordinate k. */
function sortColumn(rows: readonly Int32Array[], k: number, column: Int32Array): void {
  const n = rows.length
  if (n > INSERTION_SORT_MAX) {
    for (let j = 0; j < n; j++) column[j] = sortKey(rows[j][k])
    column.sort()
    return
  }
  for (let j = 0; j < n; j++) {
    const key = sortKey(rows[j][k])
    let hole = j
    while (hole > 0 && column[hole - 1] > key) {
      column[hole] = column[hole - 1]
      hole--
    }
    column[hole] = key
  }
}

/**
 * out[k] = the mean of the values of rank `skip` … n−skip−1 (ascending, 0-based) at coordinate k.
 * skip = f is the trimmed mean; skip = ⌊(n−1)/2⌋ is the median, with the mean of the middle two for an even n.
 *
 * @param vectors - n finite vectors of one length
 * @param skip - whole, 0 ≤ skip < n/2
 * @param out - of the same length; may be one of the vectors
 */
export function middleMean(vectors: readonly Float32Array[], skip: number, out: Float32Array): void {
  const n = vectors.length
  const rows = bitViews(vectors)
  const column = new Int32Array(n)
  const decoded = new Float32Array(1)
  const decodedBits = new Int32Array(decoded.buffer)
  const kept = n - 2 * skip
  for (let k = 0; k < out.length; k++) {
    sortColumn(rows, k, column)
    decodedBits[0] = sortKey(column[skip])
    let sum = decoded[0]
    for (let j = skip + 1; j < n - skip; j++) {
      decodedBits[0] = sortKey(column[j])
      sum += decoded[0]
    }
    out[k] = sum / kept
  }
}

/**
 * out[k] = the mean of the `keep` values nearest to the median at coordinate k: the run of `keep` consecutive ranks
 * found by dropping, from either end, the value farther from the median, the lower one only when strictly farther.
 * The median of an even number is the mean of the middle two, in float64. The sum starts at +0 and runs upwards.
 *
 * @param vectors - n finite vectors of one length
 * @param keep - whole, 1 ≤ keep ≤ n
 * @param out - of the same length; may be one of the vectors
 */
export function closestMean(vectors: readonly Float32Array[], keep: number, out: Float32Array): void {
  const n = vectors.length
  const rows = bitViews(vectors)
  const column = new Int32Array(n)
  const values = new Float32Array(n)
  const valueBits = new Int32Array(values.buffer)
  const middle = (n - 1) >> 1
  for (let k = 0; k < out.length; k++) {
    sortColumn(rows, k, column)
    for (let j = 0; j < n; j++) valueBits[j] = sortKey(column[j])
    const median = n % 2 === 1 ? values[middle] : (values[middle] + values[middle + 1]) / 2
    let first = 0
    while (first + keep < n && values[first + keep] - median < median - values[first]) first++
    let sum = 0
    for (let j = first; j < first + keep; j++) sum += values[j]
    out[k] = sum / keep
  }
}
