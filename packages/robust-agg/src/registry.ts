/** All rules by name. */

import { missingModule } from './custom/missing.js'
import { type CustomRule, customRule } from './custom/rule.js'
import { RobustAggError } from './errors.js'
import { hint, nearestName } from './nearest-name.js'
import type { Parameters } from './parameters.js'
import { average } from './rules/average.js'
import { balance } from './rules/balance.js'
import { bulyan } from './rules/bulyan.js'
import { caf } from './rules/caf.js'
import { centredClipping } from './rules/centred-clipping.js'
import { clippedGossip } from './rules/clipped-gossip.js'
import { csPlus } from './rules/cs-plus.js'
import { instantiate, RARE_FLAGS, type RuleDefinition } from './rules/definition.js'
import { fltrust } from './rules/fltrust.js'
import { foolsgold } from './rules/foolsgold.js'
import { geometricMedian } from './rules/geometric-median.js'
import { krum } from './rules/krum.js'
import { mda } from './rules/mda.js'
import { meamed } from './rules/meamed.js'
import { median } from './rules/median.js'
import { multiKrum } from './rules/multi-krum.js'
import { nna } from './rules/nna.js'
import { nnaWeighted } from './rules/nna-weighted.js'
import { sentinel } from './rules/sentinel.js'
import { sentinelGlobal } from './rules/sentinel-global.js'
import { sketchGuard } from './rules/sketch-guard.js'
import { trimmedMean } from './rules/trimmed-mean.js'
import { ubar } from './rules/ubar.js'
import { wfagg } from './rules/wfagg.js'
import type { Rule, RuleInfo, RuleOptions } from './types.js'

const definitions: readonly RuleDefinition[] = [
  average,
  balance,
  clippedGossip,
  csPlus,
  sketchGuard,
  ubar,
  fltrust,
  sentinel,
  sentinelGlobal,
  wfagg,
  nna,
  nnaWeighted,
  median,
  trimmedMean,
  meamed,
  krum,
  multiKrum,
  bulyan,
  mda,
  geometricMedian,
  centredClipping,
  caf,
  foolsgold,
]

const byName = new Map(definitions.map((definition) => [definition.info.name, definition]))
const builtIn: ReadonlySet<string> = new Set(byName.keys())

/**
 * Makes a rule of your own available by its name, in this process. Registering a name again replaces it.
 *
 * @returns the name
 * @throws RobustAggError E_CUSTOM when something is missing or of the wrong type, or a trial round fails
 */
export function registerRule(rule: CustomRule): string {
  const definition = customRule(rule, builtIn)
  byName.set(definition.info.name, definition)
  return definition.info.name
}

/**
 * A rule ready for use. It may keep scratch memory between rounds but no state: equal inputs give equal bits.
 * What a rule remembers between rounds goes through `Aggregation.memory` and `RoundInput.memory`.
 *
 * @param name - one of `listRules()`
 * @param params - checked against the rule's parameters; what is left out takes its default
 * @param options - pre-aggregators to run first, and whether rounds will carry an evaluator
 * @throws RobustAggError E_UNKNOWN_RULE, E_UNKNOWN_PARAMETER, E_PARAMETER_RANGE, E_MISSING_PARAMETER,
 *   E_CONFLICTING_PARAMETERS, E_UNKNOWN_PRE_AGGREGATOR, E_EVALUATOR_NEEDED
 */
export function createRule(name: string, params?: Parameters, options?: RuleOptions): Rule {
  const definition = byName.get(name)
  if (definition === undefined) {
    const known = [...byName.keys()]
    const nearest = nearestName(name, known)
    throw new RobustAggError(
      'E_UNKNOWN_RULE',
      missingModule(name, known) ?? `no rule is called '${name}'.${hint(nearest, known)}`,
      {
        name,
        nearest,
        known,
      },
    )
  }
  return instantiate(definition, params, options)
}

/** Every rule: formula, parameters, needs, breakdown point, cost and source. */
export function listRules(): readonly RuleInfo[] {
  return [...byName.values()].map(({ info }) => ({ ...RARE_FLAGS, ...info }))
}
