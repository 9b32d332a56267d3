/** Which nodes are neighbours, and with which weights. */

export type { Edge, Topology } from './graph.js'
export { MAX_NODES } from './graph.js'
export {
  lazyWeights,
  type MixingWeights,
  metropolisWeights,
  spectralGap,
  uniformWeights,
} from './mixing.js'
export { type NodePreflight, type Preflight, type PreflightOptions, preflight } from './preflight.js'
export { createTopology, listTopologies, type TopologyInfo, type TopologySpec } from './registry.js'
export { bridges, connectedParts, fiedlerVector } from './structure.js'
