/** Mixing weights for gossip on a topology, and how fast they mix. */

import { symmetricEigen } from '../symmetric-eigen.js'
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

/**
 * Lazy Metropolis weights: (I + W)/2. Every node keeps half of its model, and no eigenvalue is negative, so models do
 * not oscillate.
 *
 * @returns one entry per node
 */
export function lazyWeights(topology: Topology): readonly MixingWeights[] {
  return metropolisWeights(topology).map(({ neighbours }) => {
    const halved = neighbours.map((weight) => weight / 2)
    return { own: halved.reduce((left, weight) => left - weight, 1), neighbours: halved }
  })
}

/**
 * Uniform weights: 1/(deg_i + 1) for the node and each neighbour. Rows sum to 1, columns only if all degrees are
 * equal; otherwise gossip drifts towards well-connected nodes.
 *
 * @returns one entry per node
 */
export function uniformWeights(topology: Topology): readonly MixingWeights[] {
  return Array.from({ length: topology.n }, (_, i) => {
    const share = 1 / (topology.neighbours(i).length + 1)
    return { own: share, neighbours: Float64Array.from(topology.neighbours(i), () => share) }
  })
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
  const { values } = symmetricEigen(matrix, n)
  return 1 - Math.max(Math.abs(values[0]), Math.abs(values[n - 2]))
}
