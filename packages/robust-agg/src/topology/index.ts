/** Who talks to whom, and with which weights. */

export type { Edge, Topology } from './graph.js'
export { MAX_NODES } from './graph.js'
export { type MixingWeights, metropolisWeights, spectralGap } from './mixing.js'
export { createTopology, listTopologies, type TopologyInfo, type TopologySpec } from './registry.js'
