import type { Run } from '@tempered/protocol'
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

const known = new WeakMap<Run, RunTopology>()

/** The same object for the same run: many nodes of one process share it. */
export function runTopology(run: Run): RunTopology {
  const topology = known.get(run) ?? computeTopology(run)
  known.set(run, topology)
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
  const neighboursOf = (peer: string): string[] =>
    graph.neighbours(indexOf(peer)).map((index) => members[index]!)
  return {
    graph,
    neighboursOf,
    eccentricityOf: (peer) => eccentricity(graph, indexOf(peer)),
    mixingOf(peer) {
      if (metropolis === undefined) return undefined
      const weights = metropolis[indexOf(peer)]!.neighbours
      return new Map(neighboursOf(peer).map((neighbour, k) => [neighbour, weights[k]!]))
    },
  }
}

function eccentricity(graph: Topology, from: number): number {
  const seen = new Set([from])
  let frontier = [from]
  for (let distance = 0; ; distance++) {
    const next: number[] = []
    for (const node of frontier) {
      for (const neighbour of graph.neighbours(node)) {
        if (seen.has(neighbour)) continue
        seen.add(neighbour)
        next.push(neighbour)
      }
    }
    if (next.length === 0) return distance
    frontier = next
  }
}
