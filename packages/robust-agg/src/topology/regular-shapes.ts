/** Graphs without randomness. */

import { type Edge, topologyError } from './graph.js'

/** i – i+1, closed; one edge for n = 2. */
export function ringEdges(n: number): Edge[] {
  if (n < 3) return n === 2 ? [[0, 1]] : []
  return Array.from({ length: n }, (_, i): Edge => [i, (i + 1) % n])
}

/** Every pair among `count` nodes from `first` on. */
export function completeEdges(count: number, first = 0): Edge[] {
  const edges: Edge[] = []
  for (let a = first; a < first + count; a++) {
    for (let b = a + 1; b < first + count; b++) edges.push([a, b])
  }
  return edges
}

/** Node 0 joined to all others. */
export function starEdges(n: number): Edge[] {
  return Array.from({ length: n - 1 }, (_, i): Edge => [0, i + 1])
}

/**
 * A grid of rows × columns, wrapped around in both directions; node r·columns + c. Every node has four neighbours.
 *
 * @param rows - a divisor of n, at least 3; default: the largest one with rows ≤ √n
 */
export function torusEdges(n: number, rows: number | undefined): Edge[] {
  let height = rows ?? Math.floor(Math.sqrt(n))
  if (rows === undefined) while (height > 1 && n % height !== 0) height--
  const width = n / height
  if (height < 3 || width < 3 || !Number.isInteger(width)) {
    throw topologyError('torus', n, `needs n = rows × columns, both at least 3, but rows is ${height}.`)
  }
  const edges: Edge[] = []
  for (let r = 0; r < height; r++) {
    for (let c = 0; c < width; c++) {
      const here = r * width + c
      edges.push([here, r * width + ((c + 1) % width)], [here, ((r + 1) % height) * width + c])
    }
  }
  return edges
}

/**
 * Two complete graphs and one bridge: nodes 0 … left−1 and left … n−1, joined by left−1 – left.
 *
 * @param left - default: half of n, rounded up
 */
export function dumbbellEdges(n: number, left: number | undefined): Edge[] {
  const size = left ?? Math.ceil(n / 2)
  if (n < 2 || size >= n) {
    throw topologyError('dumbbell', n, `needs a node on each side, but the left one has ${size} of them.`)
  }
  return [...completeEdges(size), ...completeEdges(n - size, size), [size - 1, size]]
}

/**
 * Two complete graphs of n/2 nodes; every node also has `cross` on the other side: i – half + (i + k) mod half.
 *
 * @param given - cross edges of each node, at most half of n; default: 8, or half of n if that is less
 */
export function twoWorldsEdges(n: number, given: number | undefined, malicious: number): Edge[] {
  const honest = n - malicious
  const half = honest / 2
  const cross = given ?? Math.min(8, half)
  if (!Number.isInteger(half) || half < 1 || cross > half) {
    throw topologyError(
      'two-worlds',
      n,
      `needs an even number of honest nodes, not ${honest}, and cross, ${cross}, at most half of it.`,
    )
  }
  const edges = [...completeEdges(half), ...completeEdges(half, half)]
  for (let i = 0; i < half; i++) {
    for (let k = 0; k < cross; k++) edges.push([i, half + ((i + k) % half)])
  }
  for (let attacker = honest; attacker < n; attacker++) {
    for (let node = 0; node < honest; node++) edges.push([node, attacker])
  }
  return edges
}

/**
 * A ring of honest nodes 0 … h−1, each with `malicious` neighbours of its own that have no other neighbour: node i
 * has h + i·malicious … h + (i+1)·malicious − 1; n = h·(1 + malicious).
 */
export function maliciousRingEdges(n: number, malicious: number): Edge[] {
  const honest = n / (1 + malicious)
  if (!Number.isInteger(honest)) {
    throw topologyError('malicious-ring', n, `needs n = h·(1 + malicious), but malicious is ${malicious}.`)
  }
  const edges = ringEdges(honest)
  for (let i = 0; i < honest; i++) {
    for (let k = 0; k < malicious; k++) edges.push([i, honest + i * malicious + k])
  }
  return edges
}
