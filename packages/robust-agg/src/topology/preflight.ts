/**
 * Checks before a run: how many Byzantine neighbours each honest node tolerates under the chosen rule, where the
 * graph is weakly connected, and which edge would help most.
 */

import { isRobustAggError } from '../errors.js'
import type { Rule } from '../types.js'
import type { Edge, Topology } from './graph.js'
import type { MixingWeights } from './mixing.js'
import { bridges, fiedlerVector } from './structure.js'

export interface NodePreflight {
  readonly node: number
  readonly neighbours: number
  readonly byzantineNeighbours: number
  /** The most Byzantine neighbours under which the rule's guarantee holds; null: it bounds the step instead. */
  readonly tolerated: number | null
  /** False: the rule's precondition fails here, and the node would always keep its own model. */
  readonly works: boolean
  /** True when it works and tolerates the Byzantine neighbours it has. */
  readonly safe: boolean
}

export interface Preflight {
  /** One entry for each honest node, ascending. */
  readonly nodes: readonly NodePreflight[]
  /** The largest f such that any f nodes may be Byzantine neighbours of any honest node; null as above. */
  readonly toleratedEverywhere: number | null
  /** True when the honest nodes alone form a connected graph: otherwise no rule can make them agree. */
  readonly honestConnected: boolean
  /** Edges among honest nodes whose loss would disconnect them. */
  readonly bridges: readonly Edge[]
  /** Edges between the two most weakly connected halves of the honest graph. */
  readonly bottleneck: readonly Edge[]
  /**
   * The pair of honest nodes whose connection speeds up mixing most, by a first-order estimate; null when all are
   * connected.
   */
  readonly addEdge: Edge | null
}

export interface PreflightOptions {
  /** Nodes assumed to be Byzantine; default: none. */
  readonly byzantine?: readonly number[] | undefined
  /** Mixing weights of each node, for rules that read them. */
  readonly mixing?: readonly MixingWeights[] | undefined
}

function works(rule: Rule, count: number, weights: Float64Array | undefined): boolean {
  try {
    rule.checkNeighbourhood(count, weights)
    return true
  } catch (error) {
    if (isRobustAggError(error, 'E_TOO_FEW_NODES')) return false
    throw error
  }
}

/** The unconnected pair with the largest difference in the Fiedler vector; unsafe nodes come first. */
function edgeToAdd(
  topology: Topology,
  honest: readonly number[],
  fiedler: Float64Array,
  unsafe: ReadonlySet<number>,
): Edge | null {
  let best: Edge | null = null
  let most = -1
  for (let a = 0; a < honest.length; a++) {
    for (let b = a + 1; b < honest.length; b++) {
      if (topology.neighbours(honest[a]).includes(honest[b])) continue
      const helps = (unsafe.has(honest[a]) ? 1 : 0) + (unsafe.has(honest[b]) ? 1 : 0)
      const score = 10 * helps + (fiedler[a] - fiedler[b]) * (fiedler[a] - fiedler[b])
      if (score > most) {
        most = score
        best = [honest[a], honest[b]]
      }
    }
  }
  return best
}

/** Cost O(h³) for h honest nodes. */
export function preflight(topology: Topology, rule: Rule, options: PreflightOptions = {}): Preflight {
  const byzantine = new Set(options.byzantine ?? [])
  const honest = Array.from({ length: topology.n }, (_, i) => i).filter((i) => !byzantine.has(i))
  const nodes = honest.map((node): NodePreflight => {
    const list = topology.neighbours(node)
    const weights = options.mixing?.[node]?.neighbours
    const tolerated = rule.tolerated(list.length, weights)
    const byzantineNeighbours = list.filter((other) => byzantine.has(other)).length
    const runs = works(rule, list.length, weights)
    return {
      node,
      neighbours: list.length,
      byzantineNeighbours,
      tolerated,
      works: runs,
      safe: runs && (tolerated === null || byzantineNeighbours <= tolerated),
    }
  })
  const counts = nodes.map(({ tolerated }) => tolerated).filter((count) => count !== null)
  const fiedler = fiedlerVector(topology, honest)
  const side = new Map(honest.map((node, at) => [node, fiedler[at] < 0]))
  const inside = topology.edges.filter(([a, b]) => side.has(a) && side.has(b))
  const seen = new Set(honest.slice(0, 1))
  for (const node of seen) {
    for (const other of topology.neighbours(node)) if (side.has(other)) seen.add(other)
  }
  return {
    nodes,
    toleratedEverywhere: counts.length === 0 ? null : Math.min(...counts),
    honestConnected: seen.size === honest.length,
    bridges: bridges(topology, honest),
    bottleneck: inside.filter(([a, b]) => side.get(a) !== side.get(b)),
    addEdge: edgeToAdd(
      topology,
      honest,
      fiedler,
      new Set(nodes.filter(({ safe }) => !safe).map(({ node }) => node)),
    ),
  }
}
