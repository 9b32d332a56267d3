/** All rules that weigh models by their distances alone. */

import { RobustAggError } from '../errors.js'
import { hint, nearestName } from '../nearest-name.js'
import { type Parameters, resolveParameters } from '../parameters.js'
import { balance } from './balance.js'
import type { DistanceRuleDefinition, DistanceVerdict, DistanceView } from './definition.js'
import { geometricMedian } from './geometric-median.js'
import { multiKrum } from './multi-krum.js'
import { nearest } from './nearest.js'

const definitions: readonly DistanceRuleDefinition[] = [multiKrum, nearest, balance, geometricMedian]
const byName = new Map(definitions.map((definition) => [definition.name, definition]))

export interface DistanceRule {
  readonly name: string
  readonly params: Parameters
  /** Models that it takes at least. */
  readonly fewest: number
  /**
   * Equal distances give equal weights, on every machine. With fewer models than it takes all weights are 0: nothing may be
   * opened then.
   */
  weigh(view: DistanceView): DistanceVerdict
}

/** Throws RobustAggError E_UNKNOWN_RULE, and for parameters as `resolveParameters`. */
export function createDistanceRule(name: string, params: Parameters = {}): DistanceRule {
  const definition = byName.get(name)
  if (definition === undefined) {
    const known = [...byName.keys()]
    const closest = nearestName(name, known)
    throw new RobustAggError(
      'E_UNKNOWN_RULE',
      `there is no rule '${name}' that needs distances alone.${hint(closest, known)}`,
      { name, nearest: closest, known },
    )
  }
  const resolved = resolveParameters(`rule '${name}'`, definition.params, params)
  const fewest = definition.fewest(resolved)
  return {
    name,
    params: resolved,
    fewest,
    weigh(view) {
      if (view.models >= fewest) return definition.weigh(view, resolved)
      return { weights: Array.from({ length: view.models }, () => 0), scores: null, threshold: null }
    },
  }
}

/** Their names, formulas, parameters and sources. */
export function listDistanceRules(): readonly Omit<DistanceRuleDefinition, 'weigh' | 'fewest'>[] {
  return definitions.map(({ name, formula, params, source }) => ({ name, formula, params, source }))
}
