/** What a pre-aggregator is: it turns the n models of a round, the own one first, into others. */

import { type ParameterInfo, type Parameters, resolveParameters } from '../parameters.js'
import type { PreAggregatorInfo } from '../types.js'

/** What it works on: n ≥ 2 finite models of length d, own first. */
export interface PreView {
  readonly models: readonly Float32Array[]
  /** Where the round's training began, or the own model. */
  readonly previous: Float32Array
  readonly round: number
  /** Byzantine neighbours that are known and not among the models. */
  readonly exposed: number
}

/** What comes out. */
export interface Mixture {
  /** Fresh vectors or the inputs themselves, finite; the first stands for the own model. */
  readonly models: readonly Float32Array[]
  /** For each of the n inputs, the output that stands for it; 0 for input 0. */
  readonly standsIn: readonly number[]
  /** coefficients[o][k]: how much of input k is in output o. What lacks to 1 comes from `previous`. */
  readonly coefficients: readonly Float64Array[]
  /** Which inputs were shortened. */
  readonly clipped?: readonly boolean[]
  /** Byzantine models that it found and that the outputs hold no more. */
  readonly exposed?: number
}

export interface PreDefinition {
  readonly info: PreAggregatorInfo
  readonly build: (params: Parameters) => Omit<PreBehaviour, 'name' | 'params'>
}

export interface PreBehaviour {
  readonly name: string
  readonly params: Parameters
  readonly mix: (view: PreView) => Mixture | 'too-few-models'
  /** How many models come out for so many in. */
  readonly outputs: (models: number) => number
  readonly neededModels: (models: number) => number
  /** The most Byzantine models that it is meant for; null when it sets no bound of its own. */
  readonly tolerated: (models: number) => number | null
}

/** Checks the parameters and makes the pre-aggregator. */
export function instantiatePre(definition: PreDefinition, given: Parameters | undefined): PreBehaviour {
  const { name, params: infos }: { name: string; params: readonly ParameterInfo[] } = definition.info
  const params = resolveParameters(`pre-aggregator '${name}'`, infos, given)
  return { name, params, ...definition.build(params) }
}
