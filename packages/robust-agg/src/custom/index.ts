/** Rules, pre-aggregators, attacks and topologies of your own: register them, then use them by name. */

export { registerAttack } from '../attacks/registry.js'
export { registerPreAggregator } from '../pre/registry.js'
export { registerRule } from '../registry.js'
export { registerTopology } from '../topology/registry.js'
export type { CustomAttack, CustomDataAttack, CustomModelAttack } from './attack.js'
export type { CustomPreAggregator, CustomPreView } from './pre-aggregator.js'
export type { CustomRule, CustomRuleResult, CustomRuleView } from './rule.js'
export type { CustomTopology } from './topology.js'
