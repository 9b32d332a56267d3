/**
 * What a vector adds to the span of others: u minus its orthogonal projection, of which only inner products are needed.
 *
 *   r_j·r_k = u_j·u_k − Σ_i (q_i·u_j)(q_i·u_k)
 *
 * Symbols: q_i an orthonormal basis of the span of v_1 … v_b, by Cholesky factorisation of their Gram matrix with the
 * largest remainder first, so that vectors which the earlier ones explain up to 10⁻⁷ of their length are left out.
 * Cost: b²/2 + b·n inner products of length d, in float64, then O(b³ + b²·n).
 * Source: G. W. Stewart, "Matrix Algorithms, Volume I", 1998, chapter 3 (pivoted Cholesky factorisation).
 */

import { dotProducts } from '../kernels/dot.js'

/** Squared length, relative to its own, below which a vector counts as explained. */
const EXPLAINED = 1e-14

/**
 * Products r_j·r_k as an n×n row-major matrix.
 *
 * @param origin - s: u_j = x_j − s, v_i = y_i − s
 * @param known - y_i, each as long as the origin
 * @param models - x_j
 * @param products - u_j·u_k, n×n row-major
 */
export function productsBeyond(
  origin: Float32Array,
  known: readonly Float32Array[],
  models: readonly Float32Array[],
  products: Float64Array,
): Float64Array {
  const n = models.length
  const coordinates = basisCoordinates(origin, known, models)
  return products.map((product, at) => {
    const j = Math.floor(at / n)
    const k = at % n
    let rest = product
    for (const along of coordinates) rest -= along[j] * along[k]
    return rest
  })
}

/** q_i·u_j: one list per basis vector. */
function basisCoordinates(
  origin: Float32Array,
  known: readonly Float32Array[],
  models: readonly Float32Array[],
): Float64Array[] {
  const b = known.length
  const gram: Float64Array[] = []
  for (let i = 0; i < b; i++) {
    const row = new Float64Array(b + models.length)
    const later = dotProducts(known[i], [...known.slice(i), ...models], origin)
    for (let k = 0; k < i; k++) row[k] = gram[k][i]
    row.set(later, i)
    gram.push(row)
  }
  const lengths = gram.map((row, i) => row[i])
  const left = new Set(gram.keys())
  const coordinates: Float64Array[] = []
  for (;;) {
    let pivot = -1
    for (const i of left)
      if (gram[i][i] > EXPLAINED * lengths[i] && (pivot < 0 || gram[i][i] > gram[pivot][pivot])) pivot = i
    if (pivot < 0) return coordinates
    left.delete(pivot)
    const row = gram[pivot]
    const length = Math.sqrt(row[pivot])
    const along = row.map((product) => product / length)
    coordinates.push(along.slice(b))
    for (const i of left) {
      const share = along[i]
      const other = gram[i]
      for (let k = 0; k < other.length; k++) other[k] -= share * along[k]
    }
  }
}
