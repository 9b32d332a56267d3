/** A model as engines see it: operations with resolved shapes, and the place of each tensor in the flat vector. */

import type { Activation } from './layer-schema.js'

/** Shape of one sample, without the batch: `[features]`, `[steps, channels]` or `[height, width, channels]`. */
export type Shape = readonly number[]

interface Common {
  /** Path of the layer in tensor names, e.g. `3` or `2.body.0`. */
  readonly path: string
  readonly input: Shape
  readonly output: Shape
  /**
   * Positions of the operation's tensors in `Model.tensors`, in the order that the kind names below. Empty without
   * parameters.
   */
  readonly tensors: readonly number[]
}

/** z = W·x + b at every position; tensors kernel [units, inputs], bias [units] where there is one. */
export interface DenseOperation extends Common {
  readonly kind: 'dense'
  /** Positions per sample: 1 for a vector, the product of all but the last size otherwise. */
  readonly positions: number
  readonly inputs: number
  readonly units: number
  readonly bias: boolean
  readonly activation: Activation
}

export interface Window {
  /** Height and width. One-dimensional operations have width 1. */
  readonly size: readonly [number, number]
  readonly stride: readonly [number, number]
  /** Zeros before the first and after the last row and column. */
  readonly pad: {
    readonly top: number
    readonly bottom: number
    readonly left: number
    readonly right: number
  }
  /** Height, width, channels. */
  readonly from: readonly [number, number, number]
  readonly to: readonly [number, number, number]
}

/** Cross-correlation; tensors kernel [height, width, input channels, filters], bias [filters]. */
export interface ConvOperation extends Common {
  readonly kind: 'conv'
  readonly window: Window
  readonly bias: boolean
  readonly activation: Activation
}

/** Each channel by itself; tensors kernel [height, width, channels, multiplier], bias [channels·multiplier]. */
export interface DepthwiseConvOperation extends Common {
  readonly kind: 'depthwise-conv'
  readonly window: Window
  readonly multiplier: number
  readonly bias: boolean
  readonly activation: Activation
}

/** Padding counts neither for the maximum nor for the average. The first of equal maxima gets the gradient. */
export interface PoolOperation extends Common {
  readonly kind: 'max-pool' | 'average-pool'
  readonly window: Window
}

export interface GlobalPoolOperation extends Common {
  readonly kind: 'global-average-pool' | 'global-max-pool'
  readonly positions: number
  readonly channels: number
}

/** Row-major, so nothing moves. */
export interface FlattenOperation extends Common {
  readonly kind: 'flatten'
}

/** (x − mean)/√(variance + ε)·scale + shift over the channels of a position; tensors scale [channels], shift. */
export interface LayerNormOperation extends Common {
  readonly kind: 'layer-norm'
  readonly positions: number
  readonly channels: number
  readonly epsilon: number
}

/** The same over `channels / groups` channels at all positions of a sample; tensors scale [channels], shift. */
export interface GroupNormOperation extends Common {
  readonly kind: 'group-norm'
  readonly positions: number
  readonly channels: number
  readonly groups: number
  readonly epsilon: number
}

/** Kept values are divided by 1 − rate. Does nothing in evaluation. */
export interface DropoutOperation extends Common {
  readonly kind: 'dropout'
  readonly rate: number
}

/** Tokens (int32 below `vocabulary`) to vectors; tensor kernel [vocabulary, size]. */
export interface EmbeddingOperation extends Common {
  readonly kind: 'embedding'
  readonly positions: number
  readonly vocabulary: number
  readonly size: number
}

/** Tensor kernel [positions, size], added to every sample. */
export interface PositionEmbeddingOperation extends Common {
  readonly kind: 'position-embedding'
  readonly positions: number
  readonly size: number
}

/**
 * Tensors kernel [gates·units, inputs], recurrent [gates·units, units], bias [gates·units], and for the GRU a second
 * bias [gates·units] of the recurrent product. Gates in PyTorch's order: LSTM input, forget, cell, output; GRU reset,
 * update, new, with new = tanh(W·x + b + reset ⊙ (U·h + c)). States begin at zero.
 */
export interface RecurrentOperation extends Common {
  readonly kind: 'lstm' | 'gru'
  readonly steps: number
  readonly inputs: number
  readonly units: number
  readonly every: boolean
}

/**
 * softmax(Q·Kᵀ/√(size/heads))·V per head, then a projection. Tensors: kernel [3·size, size] for Q, K, V in this order,
 * bias [3·size], output kernel [size, size], output bias [size].
 */
export interface AttentionOperation extends Common {
  readonly kind: 'attention'
  readonly positions: number
  readonly size: number
  readonly heads: number
  readonly causal: boolean
}

export interface ActivationOperation extends Common {
  readonly kind: 'activation'
  readonly activation: Activation
}

/** body(x) + shortcut(x); an empty shortcut is x itself. */
export interface ResidualOperation extends Common {
  readonly kind: 'residual'
  readonly body: readonly Operation[]
  readonly shortcut: readonly Operation[]
}

export type Operation =
  | DenseOperation
  | ConvOperation
  | DepthwiseConvOperation
  | PoolOperation
  | GlobalPoolOperation
  | FlattenOperation
  | LayerNormOperation
  | GroupNormOperation
  | DropoutOperation
  | EmbeddingOperation
  | PositionEmbeddingOperation
  | RecurrentOperation
  | AttentionOperation
  | ActivationOperation
  | ResidualOperation

export type TensorRole = 'kernel' | 'recurrent' | 'bias' | 'scale' | 'shift'

/** One tensor's position in the flat vector. */
export interface TensorSlot {
  /** `<path of the layer>.<what it is>`, e.g. `0.kernel`. */
  readonly name: string
  /** Path of the layer; tensors of one path are one layer for rules that work layer by layer. */
  readonly path: string
  readonly role: TensorRole
  readonly shape: readonly number[]
  /** First element in the flat vector. */
  readonly offset: number
  readonly length: number
  /** Limit of the uniform distribution of the initial values; 0 where all begin with `value`. */
  readonly limit: number
  readonly value: number
}

export interface Model {
  readonly input: Shape
  readonly inputType: 'float32' | 'int32'
  readonly output: Shape
  readonly operations: readonly Operation[]
  readonly tensors: readonly TensorSlot[]
  readonly parameterCount: number
}
