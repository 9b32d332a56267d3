import type { ParameterInfo, Parameters } from '../parameters.js'
import type { RngLabel } from '../rng.js'
import type { Edge, Topology } from './graph.js'

export interface TopologyInfo {
  readonly name: string
  readonly meaning: string
  readonly params: readonly ParameterInfo[]
}

export interface TopologyDefinition extends TopologyInfo {
  readonly build: (n: number, params: Parameters, seed: RngLabel, edges: readonly Edge[]) => Topology
}
