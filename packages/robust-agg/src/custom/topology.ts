/** Topologies from outside the package. */

import type { ParameterDraft, Parameters } from '../parameters.js'
import { createRng, type Rng } from '../rng.js'
import type { TopologyDefinition } from '../topology/definition.js'
import { buildTopology, type Edge } from '../topology/graph.js'
import { callCustom, checkName, checkParameters, customError, requireFunction } from './checks.js'

export interface CustomTopology {
  readonly name: string
  readonly meaning?: string
  readonly params?: readonly ParameterDraft[]
  /** Pairs of different nodes in 0 … n−1, each pair once. Randomness comes from `rng` alone. */
  edges(n: number, params: Parameters, rng: Rng): readonly (readonly [number, number])[]
}

/** Throws E_CUSTOM as `customRule` does; edges that make no graph are E_TOPOLOGY when one is made. */
export function customTopology(topology: CustomTopology, taken: ReadonlySet<string>): TopologyDefinition {
  const name = checkName('topology', topology.name, taken)
  requireFunction('topology', name, 'edges', topology.edges)
  const params = checkParameters('topology', name, topology.params)
  return {
    name,
    meaning: topology.meaning ?? 'custom',
    params,
    build: (n, chosen, seed) => {
      const edges = callCustom('topology', name, '`edges`', () =>
        topology.edges(n, chosen, createRng(seed, 'custom-topology')),
      )
      if (!Array.isArray(edges) || edges.some((edge) => !Array.isArray(edge) || edge.length !== 2))
        throw customError('topology', name, '`edges` must return a list of pairs.')
      return buildTopology(name, n, edges as Edge[])
    },
  }
}
