/** What a rule file exports, and how that becomes a `Rule`. */

import { RobustAggError } from '../errors.js'
import { type Parameters, resolveParameters } from '../parameters.js'
import type { Rule, RuleInfo } from '../types.js'
import { type Combine, runRound, type Screen } from './round-view.js'

export interface RuleBehaviour {
  readonly combine: Combine
  /** The least number of models, own included, with these parameters; `weights` are the neighbours'. */
  readonly neededModels?: (models: number, weights: ArrayLike<number>) => number
}

export interface RuleDefinition {
  readonly info: RuleInfo
  readonly screen: Screen
  /** Called once per rule with checked parameters; may throw E_CONFLICTING_PARAMETERS or E_MISSING_PARAMETER. */
  readonly build: (params: Parameters) => RuleBehaviour
}

/** Checks the parameters and makes the rule. Throws as `createRule` documents. */
export function instantiate(definition: RuleDefinition, given: Parameters | undefined): Rule {
  const { info, screen } = definition
  const params = resolveParameters(`rule '${info.name}'`, info.params, given)
  const { combine, neededModels } = definition.build(params)
  return {
    name: info.name,
    params,
    aggregate: (input, out) => runRound(input, out, screen, combine),
    checkNeighbourhood: (neighbourCount, weights) => {
      const nodes = neighbourCount + 1
      const needed = neededModels?.(nodes, weights ?? new Array<number>(neighbourCount).fill(1 / nodes)) ?? 1
      if (nodes >= needed) return
      throw new RobustAggError(
        'E_TOO_FEW_NODES',
        `rule '${info.name}' needs ${needed} models, own included, with ${JSON.stringify(params)}, but this ` +
          `neighbourhood has ${nodes}. Add neighbours, assume fewer attackers, or choose another rule.`,
        { rule: info.name, nodes, needed },
      )
    },
  }
}
