/** Aggregation rules from outside the package. */

import type { ParameterDraft, Parameters } from '../parameters.js'
import type { RuleDefinition } from '../rules/definition.js'
import type { RoundView } from '../rules/round-view.js'
import {
  callCustom,
  checkName,
  checkParameters,
  checkVector,
  customError,
  requireFunction,
} from './checks.js'

/** What a custom rule works on. All vectors are finite and of length d; they must not be written to. */
export interface CustomRuleView {
  /** The node's own model. */
  readonly own: Float32Array
  /** m ≥ 1 usable models of neighbours, in order of peer id. */
  readonly neighbours: readonly Float32Array[]
  /** ‖own − neighbours[j]‖, one per neighbour. */
  readonly distances: ArrayLike<number>
  /** Mixing weights of the neighbours, of sum at most 1; the rest is the node's own. */
  readonly weights: ArrayLike<number>
  /** Where this round's training began; `own` in the first round of a node that does not know. */
  readonly previous: Float32Array
  /** From 0. */
  readonly round: number
  readonly rounds: number
  readonly params: Parameters
}

/** What a custom rule decides. */
export interface CustomRuleResult {
  /** The new model, d finite values. */
  readonly vector: ArrayLike<number>
  /** Which neighbours took part; default: all. */
  readonly accepted?: readonly boolean[]
  /** Coefficient of each neighbour in the result; default: equal shares of those that took part. */
  readonly weights?: ArrayLike<number>
  /** What each neighbour was judged by, and what that was compared with. */
  readonly scores?: ArrayLike<number>
  readonly threshold?: number
}

/** A rule as a program or a module gives it. The same inputs must give the same bits: no clock, no `Math.random`. */
export interface CustomRule {
  /** Lower-case words with dashes, at most 64 characters. */
  readonly name: string
  /** One line of mathematics. */
  readonly formula?: string
  readonly source?: string
  readonly params?: readonly ParameterDraft[]
  /** True: all models take part instead of some being refused; precision and recall are then not measured. */
  readonly weighsAll?: boolean
  /** Least number of models, own included. Below it the node keeps its own model. Default 2. */
  neededModels?(params: Parameters): number
  /** Most Byzantine models among `models` that the rule is meant for; null when it names no number. Default null. */
  tolerated?(models: number, params: Parameters): number | null
  combine(view: CustomRuleView): CustomRuleResult | ArrayLike<number>
}

/**
 * Turns a custom rule into a definition, after trying it on a small round. Throws E_CUSTOM when something is missing or
 * of the wrong type, when it throws, or when it returns NaN or a vector of the wrong length.
 *
 * @param taken - names of the built-in rules
 */
export function customRule(rule: CustomRule, taken: ReadonlySet<string>): RuleDefinition {
  const name = checkName('rule', rule.name, taken)
  requireFunction('rule', name, 'combine', rule.combine)
  requireFunction('rule', name, 'neededModels', rule.neededModels, true)
  requireFunction('rule', name, 'tolerated', rule.tolerated, true)
  const params = checkParameters('rule', name, rule.params)
  const example = Object.fromEntries(params.flatMap((info) => (info.required ? [[info.name, info.min]] : [])))
  const definition: RuleDefinition = {
    info: {
      name,
      formula: rule.formula ?? 'custom',
      params,
      needs: 'see its source',
      breakdown: 'see its source',
      cost: 'not stated',
      source: rule.source ?? 'custom',
      linear: false,
      usesWeights: true,
      weighsAll: rule.weighsAll ?? false,
      example,
    },
    screen: 'distance',
    build: (chosen) => ({
      neededModels: () => rule.neededModels?.(chosen) ?? 2,
      tolerated: (models) => rule.tolerated?.(models, chosen) ?? null,
      combine: (view) => {
        if (view.vectors.length + 1 < (rule.neededModels?.(chosen) ?? 2)) return 'too-few-models'
        return outcome(name, rule, view, chosen)
      },
    }),
  }
  tryOut(name, rule, { ...defaultsOf(params), ...example })
  return definition
}

function outcome(name: string, rule: CustomRule, view: RoundView, params: Parameters) {
  const { own, vectors, distances, weights: mixing, previous, round, rounds, out } = view
  const returned = callCustom('rule', name, '`combine`', () =>
    rule.combine({ own, neighbours: vectors, distances, weights: mixing, previous, round, rounds, params }),
  )
  const result: CustomRuleResult = isResult(returned) ? returned : { vector: returned }
  const vector = checkVector('rule', name, '`combine`', result.vector, own.length)
  const m = vectors.length
  const accepted = result.accepted ?? vectors.map(() => true)
  checkCount(name, 'accepted', accepted, m)
  if (result.weights !== undefined) checkCount(name, 'weights', result.weights, m)
  if (result.scores !== undefined) checkCount(name, 'scores', result.scores, m)
  const share = 1 / (1 + accepted.filter(Boolean).length)
  const weights = vectors.map((_, j) => (accepted[j] ? (result.weights?.[j] ?? share) : 0))
  out.set(vector)
  return {
    ownWeight: 1 - weights.reduce((sum, weight) => sum + weight, 0),
    weights,
    scores: result.scores === undefined ? null : Float64Array.from(result.scores),
    threshold: result.threshold ?? null,
    reasons: vectors.map((_, j) => (accepted[j] ? ('accepted' as const) : ('not-selected' as const))),
  }
}

function isResult(value: CustomRuleResult | ArrayLike<number>): value is CustomRuleResult {
  return typeof value === 'object' && value !== null && 'vector' in value
}

function checkCount(name: string, field: string, list: ArrayLike<unknown>, m: number): void {
  if (list?.length === m) return
  throw customError('rule', name, `\`${field}\` has ${list?.length} entries for ${m} neighbours.`)
}

function defaultsOf(params: ReturnType<typeof checkParameters>): Record<string, number> {
  return Object.fromEntries(
    params.flatMap((info) => (info.default === null ? [] : [[info.name, info.default]])),
  )
}

/** A round of seven models of eight values. */
function tryOut(name: string, rule: CustomRule, params: Parameters): void {
  const own = Float32Array.from({ length: 8 }, (_, k) => k / 8)
  const vectors = Array.from({ length: 6 }, (_, j) => own.map((x, k) => x + ((j + 1) * ((k % 3) - 1)) / 50))
  const distance = (x: Float32Array): number => Math.hypot(...x.map((value, k) => value - own[k]))
  const view = {
    own,
    vectors,
    distances: Float64Array.from(vectors, distance),
    weights: new Float64Array(6).fill(1 / 7),
    previous: own,
    round: 0,
    rounds: 2,
    out: new Float32Array(8),
  } as unknown as RoundView
  outcome(name, rule, view, params)
}
