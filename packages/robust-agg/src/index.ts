/** Byzantine-robust aggregation: rules. Attacks, topologies and randomness have subpaths of their own. */

export { detExp, detLog } from './det-math.js'
export {
  isRobustAggError,
  RobustAggError,
  type RobustAggErrorCode,
  type RobustAggErrorDetails,
} from './errors.js'
export { describeRange, type ParameterInfo, type Parameters } from './parameters.js'
export { createRule, listRules } from './registry.js'
export type { Aggregation, NeighbourVerdict, RoundInput, Rule, RuleInfo, VerdictReason } from './types.js'
