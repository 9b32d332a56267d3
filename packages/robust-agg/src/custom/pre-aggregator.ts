/** Pre-aggregators from outside the package. */

import type { ParameterDraft, Parameters } from '../parameters.js'
import type { PreDefinition } from '../pre/definition.js'
import {
  callCustom,
  checkName,
  checkParameters,
  checkVector,
  customError,
  requireFunction,
} from './checks.js'

export interface CustomPreView {
  /** n ≥ 2 finite models of length d, the node's own first; they must not be written to. */
  readonly models: readonly Float32Array[]
  /** Where this round's training began, or the node's own model. */
  readonly previous: Float32Array
  /** From 0. */
  readonly round: number
  readonly params: Parameters
}

/** A pre-aggregator that gives one model for each it gets. The same inputs must give the same bits. */
export interface CustomPreAggregator {
  readonly name: string
  readonly formula?: string
  readonly source?: string
  readonly params?: readonly ParameterDraft[]
  /** n models of length d, in the order of the input; the first stands for the node's own. */
  mix(view: CustomPreView): readonly ArrayLike<number>[]
}

/** Throws E_CUSTOM as `customRule` does. */
export function customPreAggregator(pre: CustomPreAggregator, taken: ReadonlySet<string>): PreDefinition {
  const name = checkName('pre-aggregator', pre.name, taken)
  requireFunction('pre-aggregator', name, 'mix', pre.mix)
  const params = checkParameters('pre-aggregator', name, pre.params)
  const mix = (view: CustomPreView): Float32Array[] => {
    const models = callCustom('pre-aggregator', name, '`mix`', () => pre.mix(view))
    const n = view.models.length
    if (!Array.isArray(models) || models.length !== n)
      throw customError('pre-aggregator', name, `\`mix\` must return ${n} models, one for each it gets.`)
    return models.map((model, k) =>
      checkVector('pre-aggregator', name, `\`mix\` for model ${k}`, model, view.models[0].length),
    )
  }
  const example = Array.from({ length: 5 }, (_, j) => Float32Array.of(j, 1 - j, j / 2, 1))
  const defaults = Object.fromEntries(params.map((info) => [info.name, info.default ?? info.min]))
  mix({ models: example, previous: example[0], round: 0, params: defaults })
  return {
    info: {
      name,
      formula: pre.formula ?? 'custom',
      params,
      cost: 'not stated',
      source: pre.source ?? 'custom',
      affine: false,
    },
    build: (chosen) => ({
      mix: ({ models, previous, round }) => ({
        models: mix({ models, previous, round, params: chosen }),
        outputOf: models.map((_, k) => k),
        // Nothing is known of how it mixes: each output counts for the model at its place.
        coefficients: models.map((_, k) => Float64Array.from(models, (__, j) => (j === k ? 1 : 0))),
      }),
      outputs: (models) => models,
      neededModels: () => 2,
      tolerated: () => null,
    }),
  }
}
