/** All pre-aggregators by name. */

import { missingModule } from '../custom/missing.js'
import { type CustomPreAggregator, customPreAggregator } from '../custom/pre-aggregator.js'
import { RobustAggError } from '../errors.js'
import { hint, nearestName } from '../nearest-name.js'
import type { Parameters } from '../parameters.js'
import type { PreAggregatorInfo } from '../types.js'
import { bucketing } from './bucketing.js'
import { arc, staticClipping } from './clip-norms.js'
import { instantiatePre, type PreBehaviour, type PreDefinition } from './definition.js'
import { distinct } from './distinct.js'
import { madClipping } from './mad-clipping.js'
import { nnm } from './nnm.js'
import { reputation } from './reputation.js'

const definitions: readonly PreDefinition[] = [
  nnm,
  bucketing,
  arc,
  staticClipping,
  madClipping,
  distinct,
  reputation,
]

const byName = new Map(definitions.map((definition) => [definition.info.name, definition]))
const builtIn: ReadonlySet<string> = new Set(byName.keys())

/** Makes a pre-aggregator of your own available by its name, as `registerRule` does for rules. @throws RobustAggError E_CUSTOM */
export function registerPreAggregator(pre: CustomPreAggregator): string {
  const definition = customPreAggregator(pre, builtIn)
  byName.set(definition.info.name, definition)
  return definition.info.name
}

/** @throws RobustAggError E_UNKNOWN_PRE_AGGREGATOR, E_UNKNOWN_PARAMETER, E_PARAMETER_RANGE, E_MISSING_PARAMETER */
export function createPreAggregator(name: string, params: Parameters | undefined): PreBehaviour {
  const definition = byName.get(name)
  if (definition === undefined) {
    const known = [...byName.keys()]
    const nearest = nearestName(name, known)
    throw new RobustAggError(
      'E_UNKNOWN_PRE_AGGREGATOR',
      missingModule(name, known) ?? `no pre-aggregator is called '${name}'.${hint(nearest, known)}`,
      { name, nearest, known },
    )
  }
  return instantiatePre(definition, params)
}

/** Every pre-aggregator: formula, parameters, cost and source. */
export function listPreAggregators(): readonly PreAggregatorInfo[] {
  return [...byName.values()].map(({ info }) => ({
    usesMemory: false,
    usesInitial: false,
    refuses: false,
    ...info,
  }))
}
