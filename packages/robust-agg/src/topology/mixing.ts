/** Mixing weights for gossip on a topology, and how fast they mix. */

import type { Topology } from './graph.js'

export interface MixingWeights {
  /** W_ii. */
  readonly own: number
  /** W_ij in the order of `topology.neighbours(i)`. */
  readonly neighbours: Float64Array
}

/**
 * Metropolis–Hastings weights: W_ij = 1/(1 + max(deg_i, deg_j)), W_ii = 1 − Σ_j W_ij. Symmetric and doubly
 * stochastic, so gossip keeps the mean. Source: Xiao, Boyd, Kim, JPDC 2007.
 *
 * @returns one entry per node
 */
export function metropolisWeights(topology: Topology): readonly MixingWeights[] {
  return Array.from({ length: topology.n }, (_, i) => {
    const list = topology.neighbours(i)
    const neighbours = Float64Array.from(
      list,
      (j) => 1 / (1 + Math.max(list.length, topology.neighbours(j).length)),
    )
    let own = 1
    for (const weight of neighbours) own -= weight
    return { own, neighbours }
  })
}

/** Sweeps of Jacobi rotations; convergence is quadratic and takes about ten. */
const MAX_SWEEPS = 60

/** Eigenvalues of a symmetric matrix (row-major, overwritten) by cyclic Jacobi rotations, O(n³) a sweep. */
function symmetricEigenvalues(matrix: Float64Array, n: number): number[] {
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let off = 0
    for (let p = 0; p < n; p++) for (let q = 0; q < p; q++) off += matrix[p * n + q] * matrix[p * n + q]
    if (off < 1e-28) break
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) rotate(matrix, n, p, q)
    }
  }
  return Array.from({ length: n }, (_, i) => matrix[i * n + i])
}

function rotate(matrix: Float64Array, n: number, p: number, q: number): void {
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
}

/**
 * 1 − max(|λ₂|, |λ_n|) of the Metropolis matrix: 0 for a disconnected graph, 1 for the complete one. The larger,
 * the fewer rounds gossip takes to agree. Cost O(n³): meant for up to a few hundred nodes.
 */
export function spectralGap(topology: Topology): number {
  const { n } = topology
  if (n === 1) return 1
  const matrix = new Float64Array(n * n)
  metropolisWeights(topology).forEach(({ own, neighbours }, i) => {
    matrix[i * n + i] = own
    topology.neighbours(i).forEach((j, k) => {
      matrix[i * n + j] = neighbours[k]
    })
  })
  const values = symmetricEigenvalues(matrix, n).sort((a, b) => b - a)
  return 1 - Math.max(Math.abs(values[1]), Math.abs(values[n - 1]))
}
