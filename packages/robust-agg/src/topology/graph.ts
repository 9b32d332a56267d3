/** An undirected simple graph on nodes 0 … n−1: which nodes are neighbours. */

import { RobustAggError } from '../errors.js'

/** Largest number of nodes of a topology. */
export const MAX_NODES = 16_384
/** Largest number of edges: enough for a complete graph of 1,024 nodes, 256 neighbours for each of 4,096, or 64 for each of 16,384. */
export const MAX_EDGES = 2 ** 19

export type Edge = readonly [number, number]

export interface Topology {
  /** The name it was created with. */
  readonly name: string
  readonly n: number
  /** Each edge once as [a, b] with a < b, sorted by a, then b. */
  readonly edges: readonly Edge[]
  /** The neighbours of node i, ascending, i excluded. Throws E_TOPOLOGY when i is not a node. */
  neighbours(i: number): readonly number[]
  /** True when every node reaches every other; true for n = 1. */
  readonly isConnected: boolean
}

/** A typed error about a graph that cannot be built. */
export function topologyError(
  topology: string,
  nodes: number,
  problem: string,
): RobustAggError<'E_TOPOLOGY'> {
  return new RobustAggError('E_TOPOLOGY', `topology '${topology}' of ${nodes} nodes: ${problem}`, {
    topology,
    nodes,
    problem,
  })
}

function reachesAll(lists: readonly (readonly number[])[]): boolean {
  const seen = new Uint8Array(lists.length)
  const stack = [0]
  seen[0] = 1
  let count = 0
  for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
    count++
    for (const j of lists[i]) {
      if (seen[j] === 1) continue
      seen[j] = 1
      stack.push(j)
    }
  }
  return count === lists.length
}

/**
 * The graph with these edges, given in any order and direction; an edge given twice counts once.
 *
 * @throws RobustAggError E_TOPOLOGY when an end is not a node, an edge connects a node to itself, or there are too
 *   many edges
 */
export function buildTopology(name: string, n: number, edges: Iterable<Edge>): Topology {
  const sets = Array.from({ length: n }, () => new Set<number>())
  let count = 0
  for (const [a, b] of edges) {
    if (++count > MAX_EDGES)
      throw topologyError(name, n, `it has more than ${MAX_EDGES} edges; use fewer nodes or neighbours.`)
    for (const end of [a, b]) {
      if (!Number.isInteger(end) || end < 0 || end >= n) {
        throw topologyError(name, n, `edge [${a}, ${b}] needs ends in 0 … ${n - 1}.`)
      }
    }
    if (a === b) throw topologyError(name, n, `edge [${a}, ${b}] connects a node to itself; remove it.`)
    sets[a].add(b)
    sets[b].add(a)
  }
  const lists = sets.map((set): readonly number[] => Object.freeze([...set].sort((x, y) => x - y)))
  const sorted: Edge[] = []
  lists.forEach((list, a) => {
    for (const b of list) if (a < b) sorted.push([a, b])
  })
  return {
    name,
    n,
    edges: sorted,
    neighbours: (i) => {
      const list = lists[i]
      if (list === undefined) throw topologyError(name, n, `there is no node ${i}; nodes are 0 … ${n - 1}.`)
      return list
    },
    isConnected: reachesAll(lists),
  }
}
