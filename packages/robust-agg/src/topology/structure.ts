/** Where a graph is thin: its bridges, and the Fiedler vector that tells its two loosest halves apart. */

import { symmetricEigen } from '../symmetric-eigen.js'
import type { Edge, Topology } from './graph.js'

/** The neighbours of each of `nodes` within `nodes`, as positions in that list. */
function within(topology: Topology, nodes: readonly number[]): number[][] {
  const position = new Map(nodes.map((node, at) => [node, at]))
  return nodes.map((node) =>
    topology.neighbours(node).flatMap((other) => {
      const at = position.get(other)
      return at === undefined ? [] : [at]
    }),
  )
}

/**
 * The edges among `nodes` without which two of them that were connected no longer are. Tarjan's low points, O(edges).
 *
 * @param nodes - ascending; left out: all
 */
export function bridges(topology: Topology, nodes?: readonly number[]): readonly Edge[] {
  const list = nodes ?? Array.from({ length: topology.n }, (_, i) => i)
  const adjacent = within(topology, list)
  const entered = new Int32Array(list.length).fill(-1)
  const low = new Int32Array(list.length)
  const found: Edge[] = []
  let clock = 0
  for (let root = 0; root < list.length; root++) {
    if (entered[root] >= 0) continue
    const stack: { at: number; parent: number; next: number }[] = [{ at: root, parent: -1, next: 0 }]
    entered[root] = low[root] = clock++
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { at, parent } = top
      const other = adjacent[at][top.next++]
      if (other === undefined) {
        stack.pop()
        if (parent < 0) continue
        low[parent] = Math.min(low[parent], low[at])
        if (low[at] > entered[parent]) {
          found.push([Math.min(list[at], list[parent]), Math.max(list[at], list[parent])])
        }
      } else if (entered[other] < 0) {
        entered[other] = low[other] = clock++
        stack.push({ at: other, parent: at, next: 0 })
      } else if (other !== parent) low[at] = Math.min(low[at], entered[other])
    }
  }
  return found.sort((x, y) => x[0] - y[0] || x[1] - y[1])
}

/**
 * The unit eigenvector of the second least eigenvalue of the Laplacian among `nodes`: its signs tell the two loosest
 * halves. For a graph that falls apart it tells two parts. O(n³): for up to a few hundred nodes.
 *
 * @param nodes - left out: all
 * @returns one entry for each of `nodes`; empty for fewer than two
 */
export function fiedlerVector(topology: Topology, nodes?: readonly number[]): Float64Array {
  const list = nodes ?? Array.from({ length: topology.n }, (_, i) => i)
  const n = list.length
  if (n < 2) return new Float64Array(n)
  const laplacian = new Float64Array(n * n)
  within(topology, list).forEach((others, i) => {
    laplacian[i * n + i] = others.length
    for (const j of others) laplacian[i * n + j] = -1
  })
  // Lift the constant vector, eigenvalue 0, out of the way: L + (n + 1)·11ᵀ/n.
  const lifted = laplacian.map((value) => value + (n + 1) / n)
  return symmetricEigen(lifted, n).vectors[0]
}
