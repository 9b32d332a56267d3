import type { Topology } from '@tempered/robust-agg/topology'

/**
 * Betweenness of each node among `alive`: over all ordered pairs of other nodes, the share of their shortest paths
 * that pass through it, summed. Brandes, "A Faster Algorithm for Betweenness Centrality", 2001, on an unweighted
 * graph; O(nodes · edges). Entries of nodes that are not alive are 0.
 */
export function betweenness(graph: Topology, alive: ReadonlySet<number>): Float64Array {
  const score = new Float64Array(graph.n)
  for (const source of alive) {
    const { order, paths, before } = shortestPaths(graph, alive, source)
    const dependency = new Float64Array(graph.n)
    for (const node of order.reverse()) {
      for (const previous of before[node]!) {
        const share = (paths[previous]! / paths[node]!) * (1 + dependency[node]!)
        dependency[previous] = dependency[previous]! + share
      }
      if (node !== source) score[node] = score[node]! + dependency[node]!
    }
  }
  return score
}

interface ShortestPaths {
  /** Reachable nodes, nearest first. */
  readonly order: number[]
  /** Number of shortest paths from the source, by node. */
  readonly paths: Float64Array
  /** The last nodes before each node on these paths. */
  readonly before: readonly number[][]
}

function shortestPaths(graph: Topology, alive: ReadonlySet<number>, source: number): ShortestPaths {
  const distance = new Int32Array(graph.n).fill(-1)
  const paths = new Float64Array(graph.n)
  const before: number[][] = Array.from({ length: graph.n }, () => [])
  const order = [source]
  distance[source] = 0
  paths[source] = 1
  for (const node of order) {
    for (const next of graph.neighbours(node)) {
      if (!alive.has(next)) continue
      if (distance[next] === -1) {
        distance[next] = distance[node]! + 1
        order.push(next)
      }
      if (distance[next] !== distance[node]! + 1) continue
      paths[next] = paths[next]! + paths[node]!
      before[next]!.push(node)
    }
  }
  return { order, paths, before }
}
