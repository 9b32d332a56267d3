/** Byzantine-robust aggregation: rules. Attacks, topologies and randomness have their own subpaths. */

export { type VectorArena, vectorArena } from './arena.js'
export {
  compareModels,
  type ModelComparison,
  type RoundComparison,
  type RoundModels,
} from './contribution/comparison.js'
export { type FreeRide, type FreeRideQuestion, freeRideReason, noiseBound } from './contribution/free-ride.js'
export { countSketch } from './count-sketch.js'
export { detExp, detLog } from './det-math.js'
export {
  isRobustAggError,
  RobustAggError,
  type RobustAggErrorCode,
  type RobustAggErrorDetails,
} from './errors.js'
export { selectKernels, usesSimd } from './kernels/dispatch.js'
export { filterIngress, type IngressVerdict } from './kernels/ingress.js'
export {
  createStreamingDistance,
  type StreamingDistance,
  type StreamingVerdict,
} from './kernels/streaming-distance.js'
export { describeRange, type ParameterInfo, type Parameters } from './parameters.js'
export { listPreAggregators } from './pre/registry.js'
export { createRule, listRules } from './registry.js'
export type {
  Aggregation,
  Evaluator,
  NeighbourVerdict,
  PreAggregatorInfo,
  PreAggregatorSpec,
  RoundInput,
  RoundMemory,
  Rule,
  RuleInfo,
  RuleOptions,
  SenderMemory,
  VerdictReason,
} from './types.js'
