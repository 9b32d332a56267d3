/** What a rule works on in one round, and what it returns: the interface between `run-round.ts` and the rules. */

import type { Evaluator, RoundMemory, SenderMemory, VerdictReason } from '../types.js'
import { inputError } from './check-input.js'

/** What a rule works on. m usable neighbours; the lists are aligned with one another. */
export interface RoundView {
  readonly own: Float32Array
  /** ‖own‖, finite. */
  readonly ownNorm: number
  /** m ≥ 1 finite vectors of length d, in the order of the input. */
  readonly vectors: readonly Float32Array[]
  /** ‖own − x_j‖ each, finite; empty for rules that screen by scanning. */
  readonly distances: Float64Array
  /** W_ij each: the caller's, or 1/(m+1). Their sum is at most 1. */
  readonly weights: Float64Array
  readonly round: number
  readonly rounds: number
  /** The start of this round's training, finite, length d; `own` when there is none. */
  readonly previous: Float32Array
  /** The same, but null when there is none. */
  readonly start: Float32Array | null
  /** Where the run began, finite, length d; `previous` when the caller does not specify it. */
  readonly initial: Float32Array
  /** Present for rules with `needsEvaluator`; its losses are never NaN: anything that is not finite is Infinity. */
  readonly evaluator: Evaluator | null
  /** Which of the m neighbours are honest; null when the caller does not specify it. */
  readonly honest: readonly boolean[] | null
  /** Of the last round: own, then the m neighbours; null where there is none. */
  readonly ownMemory: SenderMemory | null
  readonly memories: readonly (SenderMemory | null)[]
  /** Lengths of the layers, which sum to d; one layer of d when the caller does not specify them. */
  readonly layers: readonly number[]
  /** Known Byzantine neighbours, which are not among the vectors. */
  readonly exposed: number
  /** Neighbours refused by a pre-aggregator, which are not among the vectors either. */
  readonly refused: number
  /** A pre-aggregator has found that what honest nodes learn goes against one another. */
  readonly opposed: boolean
  /** The opinion of neighbour k about neighbour j, in [0, 1]; null when it has none. */
  readonly opinion: (k: number, j: number) => number | null
  /** Where the rule writes its result. */
  readonly out: Float32Array
}

/** `view.honest`, for rules that require it. */
export function honestOf(view: RoundView): readonly boolean[] {
  if (view.honest === null) throw inputError('honest', 'is missing, but the oracle radius needs it')
  return view.honest
}

/** `view.evaluator`, for rules that require it. */
export function evaluatorOf(view: RoundView): Evaluator {
  if (view.evaluator === null)
    throw inputError('evaluator', "is missing, but the rule needs the node's losses")
  return view.evaluator
}

/** A rule's result for the m usable neighbours. */
export interface Outcome {
  readonly ownWeight: number
  readonly weights: ArrayLike<number>
  readonly scores: ArrayLike<number | null> | null
  /** One for all, or one per neighbour. */
  readonly threshold: number | readonly (number | null)[] | null
  readonly reasons: readonly VerdictReason[]
  /** From rules with `usesMemory`: what to remember of the node's own model and of each of the m neighbours. */
  readonly memory?: RoundMemory | undefined
  /** From rules with `usesOpinions`: 1 or 0 about each of the m neighbours. */
  readonly opinions?: readonly number[] | undefined
  /** Names of pre-aggregators that did not fit the models. */
  readonly unfit?: readonly string[]
}

/** The threshold that neighbour u was compared with. */
export function thresholdOf({ threshold }: Outcome, u: number): number | null {
  return threshold === null || typeof threshold === 'number' ? threshold : threshold[u]
}

export type Combine = (view: RoundView) => Outcome | 'too-few-models'
