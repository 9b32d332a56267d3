/**
 * Every error of this package: a stable code, a typed payload, and a message that says what is wrong, where, and how
 * to fix it. Nothing else is thrown on purpose. A Byzantine neighbour's vector never causes a throw.
 */

import { TemperedError } from '@tempered/errors'

/** The details of each code. Names in `nearest` are the closest known ones, null when none is close. */
export interface RobustAggErrorDetails {
  E_UNKNOWN_RULE: {
    readonly name: string
    readonly nearest: string | null
    readonly known: readonly string[]
  }
  E_UNKNOWN_PRE_AGGREGATOR: {
    readonly name: string
    readonly nearest: string | null
    readonly known: readonly string[]
  }
  E_UNKNOWN_ATTACK: {
    readonly name: string
    readonly nearest: string | null
    readonly known: readonly string[]
  }
  E_UNKNOWN_TOPOLOGY: {
    readonly name: string
    readonly nearest: string | null
    readonly known: readonly string[]
  }
  E_UNKNOWN_PARAMETER: {
    readonly owner: string
    readonly parameter: string
    readonly nearest: string | null
    readonly known: readonly string[]
  }
  E_MISSING_PARAMETER: { readonly owner: string; readonly parameters: readonly string[] }
  E_CONFLICTING_PARAMETERS: { readonly owner: string; readonly parameters: readonly string[] }
  /** The value is not a number, not finite, not whole where it must be, or outside its range. */
  E_PARAMETER_RANGE: {
    readonly owner: string
    readonly parameter: string
    readonly value: unknown
    readonly range: string
  }
  /** Fewer models (including the node's own) than the rule's precondition asks for. */
  /** `step`: index in `pre` of the pre-aggregator that needs more models, null when the rule itself does. */
  E_TOO_FEW_NODES: {
    readonly rule: string
    readonly nodes: number
    readonly needed: number
    readonly step: number | null
  }
  /** The rule scores models on the node's own data, and the caller did not promise an evaluator. */
  E_EVALUATOR_NEEDED: { readonly rule: string }
  /** The caller's own part of a round is malformed: round numbers, weights, the out buffer. */
  E_ROUND_INPUT: { readonly field: string; readonly problem: string }
  /** Code that a program or a module has registered lacks something, throws, or returns what it must not. */
  E_CUSTOM: {
    readonly kind: 'rule' | 'pre-aggregator' | 'attack' | 'topology'
    readonly name: string
    readonly problem: string
  }
  E_LABEL_RANGE: { readonly index: number; readonly label: number; readonly classes: number }
  /** The attack's view is malformed: a start, victim or weight list of the wrong length. */
  E_ATTACK_VIEW: { readonly attack: string; readonly field: string; readonly problem: string }
  /** No such graph exists, or none was found within the documented number of tries. */
  E_TOPOLOGY: { readonly topology: string; readonly nodes: number; readonly problem: string }
}

export type RobustAggErrorCode = keyof RobustAggErrorDetails

export class RobustAggError<Code extends RobustAggErrorCode = RobustAggErrorCode> extends TemperedError<
  Code,
  RobustAggErrorDetails[Code]
> {
  override readonly name = 'RobustAggError'
}

/** True when `error` is a RobustAggError, with the given code if there is one; narrows `details`. */
export function isRobustAggError<Code extends RobustAggErrorCode = RobustAggErrorCode>(
  error: unknown,
  code?: Code,
): error is RobustAggError<Code> {
  return error instanceof RobustAggError && (code === undefined || error.code === code)
}
