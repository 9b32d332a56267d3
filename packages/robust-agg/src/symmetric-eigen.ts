/** Eigenvalues and eigenvectors of small symmetric matrices by cyclic Jacobi rotations, O(n³) per sweep. */

/** Sweeps of rotations; convergence is quadratic and takes about ten. */
const MAX_SWEEPS = 60

export interface Eigen {
  /** Ascending. */
  readonly values: Float64Array
  /** vectors[k] belongs to values[k]: unit length, its entry of largest size (the first such) positive. */
  readonly vectors: readonly Float64Array[]
}

/** One rotation that makes entry (p, q) zero, applied to the matrix and, row by row, to the vectors. */
function rotate(matrix: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const apq = matrix[p * n + q]
  if (apq === 0) return
  const theta = (matrix[q * n + q] - matrix[p * n + p]) / (2 * apq)
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const s = t * c
  for (let k = 0; k < n; k++) {
    const kp = matrix[k * n + p]
    const kq = matrix[k * n + q]
    matrix[k * n + p] = c * kp - s * kq
    matrix[k * n + q] = s * kp + c * kq
  }
  for (let k = 0; k < n; k++) {
    const pk = matrix[p * n + k]
    const qk = matrix[q * n + k]
    matrix[p * n + k] = c * pk - s * qk
    matrix[q * n + k] = s * pk + c * qk
  }
  for (let k = 0; k < n; k++) {
    const pk = vectors[p * n + k]
    const qk = vectors[q * n + k]
    vectors[p * n + k] = c * pk - s * qk
    vectors[q * n + k] = s * pk + c * qk
  }
}

function withSign(vector: Float64Array): Float64Array {
  let largest = 0
  for (let k = 1; k < vector.length; k++) {
    if (Math.abs(vector[k]) > Math.abs(vector[largest])) largest = k
  }
  return vector[largest] < 0 ? vector.map((value) => -value) : vector
}

/** @param matrix - n×n row-major, symmetric, finite; not written */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  let scale = 0
  for (const value of matrix) scale = Math.max(scale, Math.abs(value))
  const work = scale > 0 ? matrix.map((value) => value / scale) : matrix.slice()
  const basis = new Float64Array(n * n)
  for (let k = 0; k < n; k++) basis[k * n + k] = 1
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let off = 0
    for (let p = 0; p < n; p++) for (let q = 0; q < p; q++) off += work[p * n + q] * work[p * n + q]
    if (off < 1e-28) break
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) rotate(work, basis, n, p, q)
  }
  const order = Array.from({ length: n }, (_, k) => k).sort(
    (a, b) => work[a * n + a] - work[b * n + b] || a - b,
  )
  return {
    values: Float64Array.from(order, (k) => work[k * n + k] * scale),
    vectors: order.map((k) => withSign(basis.slice(k * n, k * n + n))),
  }
}
