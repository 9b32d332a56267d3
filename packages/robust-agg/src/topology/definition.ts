import type { ParameterInfo, Parameters } from '../parameters.js'
import type { RngKey } from '../rng.js'
import type { Edge, Topology } from './graph.js'

export interface TopologyInfo {
  readonly name: string
  readonly meaning: string
  readonly params: readonly ParameterInfo[]
}

export interface TopologyDefinition extends TopologyInfo {
  readonly build: (n: number, params: Parameters, seed: RngKey, edges: readonly Edge[]) => Topology
}
