import type { Model, Operation } from '@tempered/train'
import { LabError } from '../errors.js'

export type DenseOperation = Extract<Operation, { readonly kind: 'dense' }>

/** The gradient of a loss by the parameters of one dense layer z = W·x + b, up to a factor that all of it shares. */
export interface DenseGradient {
  readonly inputs: number
  readonly units: number
  /** By W: units × inputs, row-major. */
  readonly kernel: Float64Array
  /** By b: one number per unit. */
  readonly bias: Float64Array
}

/**
 * The dense layer that takes the samples as they are, of which only the shape may change before.
 *
 * @throws LabError E_CONFIG where another layer comes first, or the layer has no bias
 */
export function firstDense({ operations }: Pick<Model, 'operations'>): DenseOperation {
  return attackable(
    operations.find(({ kind }) => kind !== 'flatten'),
    'first',
  )
}

/**
 * The dense layer whose outputs are the logits.
 *
 * @throws LabError E_CONFIG where another layer comes last, or the layer has no bias or an activation
 */
export function lastDense({ operations }: Pick<Model, 'operations'>): DenseOperation {
  const last = attackable(operations.at(-1), 'last')
  if (last.activation === 'linear') return last
  throw new LabError(
    'E_CONFIG',
    `layer ${last.path} applies ${last.activation} to the logits; the attack needs a last dense layer without activation`,
  )
}

function attackable(found: Operation | undefined, place: 'first' | 'last'): DenseOperation {
  if (found?.kind === 'dense' && found.bias && found.positions === 1) return found
  const what =
    found?.kind === 'dense'
      ? `a dense layer ${found.bias ? `at ${found.positions} positions` : 'without bias'}`
      : (found?.kind ?? 'none')
  throw new LabError(
    'E_CONFIG',
    `the ${place} layer of the model is ${what}; the attack needs a dense layer with bias there, as softmax and mlp have`,
  )
}

/**
 * The part of a model's gradient that belongs to one dense layer.
 *
 * @param gradient - of all parameters, length `parameterCount`, in the layout of the model; finite
 * @throws LabError E_USAGE for another length or a number that is not finite
 */
export function denseGradient(
  { tensors, parameterCount }: Pick<Model, 'tensors' | 'parameterCount'>,
  { inputs, units, tensors: own }: DenseOperation,
  gradient: ArrayLike<number>,
): DenseGradient {
  if (gradient.length !== parameterCount)
    throw new LabError(
      'E_USAGE',
      `a gradient of ${gradient.length} numbers does not fit a model of ${parameterCount} parameters; pass one number per parameter`,
    )
  const part = (place: number): Float64Array => {
    const { offset, length, name } = tensors[own[place] as number] as Model['tensors'][number]
    return Float64Array.from({ length }, (_, k) => {
      const value = gradient[offset + k] as number
      if (Number.isFinite(value)) return value
      throw new LabError(
        'E_USAGE',
        `number ${k} of ${name} is ${value}; the attack needs finite gradients, so leave out models that diverged`,
      )
    })
  }
  return { inputs, units, kernel: part(0), bias: part(1) }
}
