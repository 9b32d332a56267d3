/** All rules by name. */

import { RobustAggError } from './errors.js'
import { hint, nearestName } from './nearest-name.js'
import type { Parameters } from './parameters.js'
import { average } from './rules/average.js'
import { balance } from './rules/balance.js'
import { centredClipping } from './rules/centred-clipping.js'
import { clippedGossip } from './rules/clipped-gossip.js'
import { csPlus } from './rules/cs-plus.js'
import { instantiate, type RuleDefinition } from './rules/definition.js'
import { geometricMedian } from './rules/geometric-median.js'
import { krum } from './rules/krum.js'
import { median } from './rules/median.js'
import { multiKrum } from './rules/multi-krum.js'
import { nna } from './rules/nna.js'
import { trimmedMean } from './rules/trimmed-mean.js'
import type { Rule, RuleInfo } from './types.js'

const definitions: readonly RuleDefinition[] = [
  average,
  balance,
  clippedGossip,
  csPlus,
  nna,
  median,
  trimmedMean,
  krum,
  multiKrum,
  geometricMedian,
  centredClipping,
]

const byName = new Map(definitions.map((definition) => [definition.info.name, definition]))

/**
 * A rule ready for use. It may keep scratch memory between rounds but no state: equal inputs give equal bits.
 *
 * @param name - one of `listRules()`
 * @param params - checked against the rule's parameters; what is left out takes its default
 * @throws RobustAggError E_UNKNOWN_RULE, E_UNKNOWN_PARAMETER, E_PARAMETER_RANGE, E_MISSING_PARAMETER,
 *   E_CONFLICTING_PARAMETERS
 */
export function createRule(name: string, params?: Parameters): Rule {
  const definition = byName.get(name)
  if (definition === undefined) {
    const known = [...byName.keys()]
    const nearest = nearestName(name, known)
    throw new RobustAggError('E_UNKNOWN_RULE', `no rule is called '${name}'.${hint(nearest, known)}`, {
      name,
      nearest,
      known,
    })
  }
  return instantiate(definition, params)
}

/** Every rule: formula, parameters, needs, breakdown point, cost and source. */
export function listRules(): readonly RuleInfo[] {
  return definitions.map((definition) => definition.info)
}
