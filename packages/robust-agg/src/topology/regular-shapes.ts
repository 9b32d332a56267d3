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
 * A grid of rows × columns, wrapped round both ways; node r·columns + c. Every node has four neighbours.
 *
 * @param rows - a divisor of n, at least 3; left out: the largest one with rows ≤ √n
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
 * @param left - left out: half of n, rounded up
 */
export function dumbbellEdges(n: number, left: number | undefined): Edge[] {
  const size = left ?? Math.ceil(n / 2)
  if (n < 2 || size >= n) {
    throw topologyError('dumbbell', n, `needs a node on each side, but the left one has ${size} of them.`)
  }
  return [...completeEdges(size), ...completeEdges(n - size, size), [size - 1, size]]
}
