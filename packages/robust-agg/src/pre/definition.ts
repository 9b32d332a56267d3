/** The interface of a pre-aggregator: it turns the n models of a round, the node's own first, into other models. */

import { type ParameterInfo, type Parameters, resolveParameters } from '../parameters.js'
import type { Scratch } from '../scratch.js'
import type { PreAggregatorInfo, VerdictReason } from '../types.js'

/** The input: n ≥ 2 finite models of length d, own first. */
export interface PreView {
  readonly models: readonly Float32Array[]
  /** Where the round's training began, or the node's own model. */
  readonly previous: Float32Array
  readonly round: number
  /** Byzantine neighbours that are known and not among the models. */
  readonly exposed: number
  /** Neighbours that an earlier step has refused: they may or may not be Byzantine. */
  readonly refused: number
  /** Where the run began, or `previous`. */
  readonly initial: Float32Array
  /** An earlier step has found that what honest nodes learn goes against one another ({@link Mixture.opposed}). */
  readonly opposed: boolean
  /** Vectors for outputs, valid until the rule has its result. */
  readonly scratch: Scratch
  /** The reputation of each model's sender from earlier rounds; the best one if there are several senders. */
  readonly reputations: readonly Reputation[]
}

/** What a sender has earned in its rounds and the most it could have earned: the quotient is in [−1, 1]. */
export interface Reputation {
  readonly earned: number
  readonly possible: number
}

/** Why a model is left out, with the score and threshold of its verdict. */
export interface Refusal {
  readonly reason: VerdictReason
  readonly score: number
  readonly threshold: number
}

/** The output. */
export interface Mixture {
  /** Fresh vectors or the inputs themselves, finite; the first represents the node's own model. */
  readonly models: readonly Float32Array[]
  /** For each of the n inputs, the output that represents it; 0 for input 0, −1 for one that is refused. */
  readonly outputOf: readonly number[]
  /** coefficients[o][k]: how much of input k is in output o. The remainder to 1 comes from `previous`. */
  readonly coefficients: readonly Float64Array[]
  /** Which inputs were shortened. */
  readonly clipped?: readonly boolean[]
  /** Byzantine models that were found and are no longer in the outputs. */
  readonly exposed?: number
  /** From steps with `usesMemory`: what this round adds to the reputation of each input, finite. */
  readonly gains?: readonly Reputation[]
  /** Which inputs are refused, and why; input 0 never is. */
  readonly refused?: readonly (Refusal | null)[]
  /** True: what the step takes for granted does not hold for these models, so it has left them as they are. */
  readonly unfit?: boolean
  /**
   * True: the node has found that what honest nodes learn goes against one another. Later steps and the rule then
   * trust nearness less.
   */
  readonly opposed?: boolean
}

/** A pre-aggregator's description; the rare flags default to false. */
export type PreInfoDraft = Omit<PreAggregatorInfo, 'usesMemory' | 'usesInitial' | 'refuses'> &
  Partial<PreAggregatorInfo>

export interface PreDefinition {
  readonly info: PreInfoDraft
  readonly build: (params: Parameters) => Omit<PreBehaviour, 'name' | 'params' | 'usesMemory' | 'usesInitial'>
}

export interface PreBehaviour {
  readonly name: string
  readonly params: Parameters
  /** See `PreAggregatorInfo`. */
  readonly usesMemory: boolean
  readonly usesInitial: boolean
  readonly mix: (view: PreView) => Mixture | 'too-few-models'
  /** The number of outputs for a number of inputs. */
  readonly outputs: (models: number) => number
  readonly neededModels: (models: number) => number
  /** The largest number of Byzantine models that it is meant for; null when it sets no bound of its own. */
  readonly tolerated: (models: number) => number | null
}

/** Checks the parameters and makes the pre-aggregator. */
export function instantiatePre(definition: PreDefinition, given: Parameters | undefined): PreBehaviour {
  const { name, params: infos }: { name: string; params: readonly ParameterInfo[] } = definition.info
  const params = resolveParameters(`pre-aggregator '${name}'`, infos, given)
  const { usesMemory = false, usesInitial = false } = definition.info
  return { name, params, usesMemory, usesInitial, ...definition.build(params) }
}
