/** What a rule file exports, and how it becomes a `Rule`. */

import { RobustAggError } from '../errors.js'
import { type Parameters, resolveParameters } from '../parameters.js'
import { createPreAggregator } from '../pre/registry.js'
import type { Rule, RuleInfo, RuleOptions } from '../types.js'
import type { Combine } from './round-view.js'
import { runRound } from './run-round.js'
import type { Screen } from './screening.js'

export interface RuleBehaviour {
  readonly combine: Combine
  /** The least number of models, including the node's own, with these parameters; `weights` are the neighbours'. */
  readonly neededModels?: (models: number, weights: ArrayLike<number>) => number
  /** See `Rule.tolerated`; `models` counts the node's own. */
  readonly tolerated: (models: number, weights: ArrayLike<number>) => number | null
}

/** Flags that few rules set. */
export const RARE_FLAGS = {
  weighsAll: false,
  needsEvaluator: false,
  usesMemory: false,
  usesLayers: false,
  usesOpinions: false,
} as const

/** A rule's description; the rare flags default to false. */
export type RuleInfoDraft = Omit<RuleInfo, keyof typeof RARE_FLAGS> &
  Partial<Pick<RuleInfo, keyof typeof RARE_FLAGS>>

export interface RuleDefinition {
  readonly info: RuleInfoDraft
  readonly screen: Screen
  /** Called once per rule with checked parameters; may throw E_CONFLICTING_PARAMETERS or E_MISSING_PARAMETER. */
  readonly build: (params: Parameters) => RuleBehaviour
}

/** Checks the parameters and creates the rule. Throws as `createRule` documents. */
export function instantiate(
  definition: RuleDefinition,
  given: Parameters | undefined,
  options: RuleOptions = {},
): Rule {
  const { info, screen } = definition
  const params = resolveParameters(`rule '${info.name}'`, info.params, given)
  if (info.needsEvaluator === true && options.evaluator !== true) {
    const message =
      `rule '${info.name}' scores models on the node's own data: create it with { evaluator: true } and give ` +
      'every round an evaluator, or choose another rule.'
    throw new RobustAggError('E_EVALUATOR_NEEDED', message, { rule: info.name })
  }
  const behaviour = definition.build(params)
  const pre = (options.pre ?? []).map((spec) => createPreAggregator(spec.name, spec.params))
  const equalWeights = (count: number): number[] => new Array<number>(count).fill(1 / (count + 1))
  /**
   * The number of models that reach the rule, and their weights: the caller's, unless pre-aggregators change the
   * number of models.
   */
  const reaching = (neighbourCount: number, weights?: ArrayLike<number>): [number, ArrayLike<number>] => {
    const models = pre.reduce((count, step) => step.outputs(count), neighbourCount + 1)
    const same = weights !== undefined && models === neighbourCount + 1
    return [models, same ? weights : equalWeights(models - 1)]
  }
  return {
    name: info.name,
    pre: Object.freeze(pre.map(({ name, params: chosen }) => Object.freeze({ name, params: chosen }))),
    usesMemory: info.usesMemory === true || pre.some((step) => step.usesMemory),
    usesInitial: pre.some((step) => step.usesInitial),
    params,
    aggregate: (input, out) => runRound(input, out, screen, behaviour.combine, pre),
    checkNeighbourhood: (neighbourCount, weights) => {
      let nodes = neighbourCount + 1
      const fail = (rule: string, needed: number, what: Parameters, step: number | null): never => {
        throw new RobustAggError(
          'E_TOO_FEW_NODES',
          `rule '${rule}' needs ${needed} models, own included${parametersText(what)}, but this ` +
            `neighbourhood has ${nodes}. Add neighbours, assume fewer attackers, or choose another rule.`,
          { rule, nodes, needed, step },
        )
      }
      for (const [at, step] of pre.entries()) {
        const needed = step.neededModels(nodes)
        if (nodes < needed) fail(step.name, needed, step.params, at)
        nodes = step.outputs(nodes)
      }
      const [models, reached] = reaching(neighbourCount, weights)
      const needed = behaviour.neededModels?.(models, reached) ?? 1
      if (models < needed) fail(info.name, needed, params, null)
    },
    tolerated: (neighbourCount, weights) => {
      const bounds: (number | null)[] = []
      let nodes = neighbourCount + 1
      for (const step of pre) {
        bounds.push(step.tolerated(nodes))
        nodes = step.outputs(nodes)
      }
      const [models, reached] = reaching(neighbourCount, weights)
      const counts = [...bounds, behaviour.tolerated(models, reached)].filter((count) => count !== null)
      return counts.length === 0 ? null : Math.min(neighbourCount, ...counts)
    },
  }
}

/** ` with f = 1`; empty without parameters. */
function parametersText(params: Parameters): string {
  const given = Object.entries(params).flatMap(([name, value]) =>
    value === null ? [] : [`${name} = ${value}`],
  )
  return given.length === 0 ? '' : ` with ${given.join(', ')}`
}
