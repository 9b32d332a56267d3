/**
 * Weak points of a graph: its bridges, and the Fiedler vector, which separates its two most weakly connected halves.
 */

import { symmetricEigen } from '../symmetric-eigen.js'
import type { Edge, Topology } from './graph.js'

/** The connected parts of a graph, each in ascending order, by their first nodes. O(edges). */
export function connectedParts(topology: Topology): readonly (readonly number[])[] {
  const seen = new Set<number>()
  const parts: number[][] = []
  for (let node = 0; node < topology.n; node++) {
    if (seen.has(node)) continue
    const part = new Set([node])
    for (const at of part) for (const other of topology.neighbours(at)) part.add(other)
    for (const at of part) seen.add(at)
    parts.push([...part].sort((a, b) => a - b))
  }
  return parts
}

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
 * The edges among `nodes` whose removal disconnects two nodes that were connected. Tarjan's low points, O(edges).
 *
 * @param nodes - ascending; default: all
 */
export function bridges(topology: Topology, nodes?: readonly number[]): readonly Edge[] {
  const list = nodes ?? Array.from({ length: topology.n }, (_, i) => i)
  const adjacent = within(topology, list)
  const search: DepthFirstSearch = {
    entered: new Int32Array(list.length).fill(-1),
    low: new Int32Array(list.length),
    clock: 0,
  }
  const found: Edge[] = []
  for (let root = 0; root < list.length; root++) {
    if (search.entered[root] >= 0) continue
    for (const [a, b] of bridgesFrom(root, adjacent, search)) {
      found.push([Math.min(list[a], list[b]), Math.max(list[a], list[b])])
    }
  }
  return found.sort((x, y) => x[0] - y[0] || x[1] - y[1])
}

interface DepthFirstSearch {
  /** When each position was entered; −1 before. */
  readonly entered: Int32Array
  /** The earliest entry that is reachable from the subtree of each position without its parent edge. */
  readonly low: Int32Array
  clock: number
}

/** The bridges of the component of `root`, as pairs of positions, child first. */
function bridgesFrom(
  root: number,
  adjacent: readonly (readonly number[])[],
  search: DepthFirstSearch,
): [number, number][] {
  const { entered, low } = search
  const found: [number, number][] = []
  const stack: { at: number; parent: number; next: number }[] = []
  const enter = (at: number, parent: number): void => {
    entered[at] = low[at] = search.clock++
    stack.push({ at, parent, next: 0 })
  }
  enter(root, -1)
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { at, parent } = top
    const other = adjacent[at][top.next++]
    if (other === undefined) {
      stack.pop()
      if (parent < 0) continue
      low[parent] = Math.min(low[parent], low[at])
      if (low[at] > entered[parent]) found.push([at, parent])
    } else if (entered[other] < 0) enter(other, at)
    else if (other !== parent) low[at] = Math.min(low[at], entered[other])
  }
  return found
}

/** Up to this number of nodes the eigenvector is computed exactly, O(n³). */
const MOST_IN_FULL = 512
/** Above it: largest numbers of steps of the inverse iteration, and of the conjugate gradients within each. */
const INVERSE_STEPS = 12
const GRADIENT_STEPS = 2000
const GRADIENT_TOLERANCE = 1e-8

/**
 * The unit eigenvector of the second least eigenvalue of the Laplacian among `nodes`: its signs separate the two most
 * weakly connected halves. For a disconnected graph they separate two parts. Above 512 nodes it is approximated by 12
 * steps of inverse iteration from the distances to the first node: if several cuts are about equally weak, it may be
 * a mixture of them.
 *
 * @param nodes - default: all
 * @returns one entry for each of `nodes`; empty for fewer than two
 */
export function fiedlerVector(topology: Topology, nodes?: readonly number[]): Float64Array {
  const list = nodes ?? Array.from({ length: topology.n }, (_, i) => i)
  const n = list.length
  if (n < 2) return new Float64Array(n)
  const neighbours = within(topology, list)
  return n > MOST_IN_FULL ? approachedFiedler(neighbours) : fullFiedler(neighbours)
}

function fullFiedler(neighbours: readonly (readonly number[])[]): Float64Array {
  const n = neighbours.length
  const laplacian = new Float64Array(n * n)
  neighbours.forEach((others, i) => {
    laplacian[i * n + i] = others.length
    for (const j of others) laplacian[i * n + j] = -1
  })
  // Move the constant vector with eigenvalue 0 out of the way: L + (n + 1)·11ᵀ/n.
  const lifted = laplacian.map((value) => value + (n + 1) / n)
  return symmetricEigen(lifted, n).vectors[0]
}

function approachedFiedler(neighbours: readonly (readonly number[])[]): Float64Array {
  const distances = distancesFrom(0, neighbours)
  if (distances.includes(neighbours.length)) {
    const reached = distances.map((steps) => (steps < neighbours.length ? 1 : 0))
    return centredUnit(reached)
  }
  let x = centredUnit(distances)
  for (let step = 0; step < INVERSE_STEPS; step++) x = centredUnit(solveLaplacian(neighbours, x))
  return x
}

/** The centred y with L·y = b, for a centred b and a connected graph, by conjugate gradients. */
function solveLaplacian(neighbours: readonly (readonly number[])[], b: Float64Array): Float64Array {
  const y = new Float64Array(b.length)
  const residual = Float64Array.from(b)
  const direction = Float64Array.from(b)
  const image = new Float64Array(b.length)
  let square = dot(residual, residual)
  const least = GRADIENT_TOLERANCE ** 2 * square
  for (let step = 0; step < GRADIENT_STEPS && square > least; step++) {
    for (const [i, others] of neighbours.entries()) {
      let sum = others.length * direction[i]
      for (const j of others) sum -= direction[j]
      image[i] = sum
    }
    const length = square / dot(direction, image)
    for (let i = 0; i < y.length; i++) {
      y[i] += length * direction[i]
      residual[i] -= length * image[i]
    }
    const before = square
    square = dot(residual, residual)
    for (let i = 0; i < y.length; i++) direction[i] = residual[i] + (square / before) * direction[i]
  }
  return y
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i]
  return sum
}

/** x without its mean, scaled to length 1. */
function centredUnit(x: Float64Array): Float64Array {
  let mean = 0
  for (const value of x) mean += value / x.length
  let square = 0
  for (const value of x) square += (value - mean) ** 2
  const length = square > 0 ? Math.sqrt(square) : 1
  return x.map((value) => (value - mean) / length)
}

/** Steps from a node to each; n for unreachable ones. */
function distancesFrom(start: number, neighbours: readonly (readonly number[])[]): Float64Array {
  const distances = new Float64Array(neighbours.length).fill(neighbours.length)
  distances[start] = 0
  const queue = [start]
  for (let at = 0; at < queue.length; at++) {
    for (const other of neighbours[queue[at]]) {
      if (distances[other] < neighbours.length) continue
      distances[other] = distances[queue[at]] + 1
      queue.push(other)
    }
  }
  return distances
}
