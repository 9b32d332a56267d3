import type { Manifest, Run } from '@tempered/protocol'
import { createTopology, metropolisWeights, type Topology } from '@tempered/robust-agg/topology'

/** The neighbours of every member of a run; computed from the manifest alone. */
export interface RunTopology {
  readonly graph: Topology
  /** Peer ids of a member's neighbours, in member order. */
  neighboursOf(peer: string): readonly string[]
  /** Links on the way to the member farthest away; members that cannot be reached do not count. */
  eccentricityOf(peer: string): number
  /** Mixing weight of each neighbour; undefined when the manifest asks for equal weights. */
  mixingOf(peer: string): ReadonlyMap<string, number> | undefined
}

const known = new WeakMap<Manifest, RunTopology>()

/** The same object for the same run: many nodes of one process share it. */
export function runTopology(run: Run): RunTopology {
  const topology = known.get(run.manifest) ?? computeTopology(run)
  known.set(run.manifest, topology)
  return topology
}

function computeTopology(run: Run): RunTopology {
  const { topology, members, seed } = run.manifest
  const graph = createTopology(
    { name: topology.name, params: topology.params, edges: topology.edges },
    members.length,
    seed,
  )
  const metropolis = topology.mixing === 'metropolis' ? metropolisWeights(graph) : undefined
  const indexOf = (peer: string): number => {
    const index = run.memberIndex.get(peer)
    if (index === undefined) throw new RangeError(`${peer} is not a member of the run`)
    return index
  }
  const blocks: (Uint32Array | undefined)[] = []
  const neighboursOf = (peer: string): string[] =>
    graph.neighbours(indexOf(peer)).map((index) => members[index]!)
  return {
    graph,
    neighboursOf,
    eccentricityOf(peer) {
      const index = indexOf(peer)
      const block = Math.floor(index / BLOCK)
      blocks[block] ??= eccentricities(graph, block * BLOCK)
      return blocks[block]![index % BLOCK]!
    },
    mixingOf(peer) {
      if (metropolis === undefined) return undefined
      const weights = metropolis[indexOf(peer)]!.neighbours
      return new Map(neighboursOf(peer).map((neighbour, k) => [neighbour, weights[k]!]))
    },
  }
}

/** Members whose distances are computed together: one bit of a word each. */
const BLOCK = 32

/**
 * Eccentricities of members `first` … `first + BLOCK − 1`. A breadth-first search from all of them at once: bit k of a
 * node's word says whether member `first + k` reaches it.
 */
function eccentricities(graph: Topology, first: number): Uint32Array {
  const found = new Uint32Array(BLOCK)
  let reached = new Uint32Array(graph.n)
  let next = new Uint32Array(graph.n)
  for (let k = 0; k < BLOCK && first + k < graph.n; k++) reached[first + k] = 1 << k
  for (let distance = 1; ; distance++) {
    let grown = 0
    for (let node = 0; node < graph.n; node++) {
      const before = reached[node]!
      let word = before
      for (const neighbour of graph.neighbours(node)) word |= reached[neighbour]!
      next[node] = word
      grown |= word & ~before
    }
    if (grown === 0) return found
    for (let k = 0; k < BLOCK; k++) if ((grown & (1 << k)) !== 0) found[k] = distance
    ;[reached, next] = [next, reached]
  }
}
