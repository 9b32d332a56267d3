/** What operations of graph-network.ts have in common. */

import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import type { TrainingBackend } from '../backend.js'

/** An operation at work on one batch. */
export interface Applied {
  /** batch × the operation's output shape. */
  readonly output: Tensor
  /**
   * Adds the derivatives by the operation's tensors to the workspace, from that by its output (same shape). Returns
   * what computes the derivative by its input (its shape), for which the first operation has no use.
   */
  backward(upper: Tensor): () => Tensor
}

/** What operations of one pass share. */
export interface Workspace {
  readonly backend: TrainingBackend
  readonly batch: number
  /** Decides what dropout drops; undefined in evaluation. */
  readonly seed: number | undefined
  /** All tensors of the model, in slot order. */
  readonly tensors: readonly Tensor[]
  /** Derivatives by them, in the same order. */
  readonly gradients: Tensor[]
}

/** The operation's tensors, in its order. */
export function tensorsOf({ tensors }: { tensors: readonly number[] }, work: Workspace): Tensor[] {
  return tensors.map((index) => work.tensors[index] as Tensor)
}

/** Keeps the derivative by the tensor at `place` of the operation's list. */
export function keepGradient(
  { tensors }: { tensors: readonly number[] },
  place: number,
  work: Workspace,
  gradient: Tensor,
): void {
  const index = tensors[place] as number
  work.gradients[index] = work.backend.tf.reshape(gradient, (work.tensors[index] as Tensor).shape)
}

/** x as a matrix whose rows have this many numbers. */
export function rowsOf({ backend }: Workspace, x: Tensor, width: number): Tensor2D {
  return backend.tf.reshape(x, [x.size / width, width])
}

/** Z = X·Wᵀ + b, and the derivatives of it; X: n×inputs, W: units×inputs, b: units. */
export function linear(
  { backend: { tf } }: Workspace,
  x: Tensor2D,
  kernel: Tensor2D,
  bias: Tensor | undefined,
): Tensor2D {
  // tfjs's flags for transposed operands fall back to a scalar loop on WebAssembly, here and below.
  const product: Tensor2D = tf.matMul(x, tf.transpose(kernel))
  return bias === undefined ? product : tf.add(product, bias)
}

/** Derivative of `linear` by W from that by Z (n×units). */
export function kernelGradient({ backend: { tf } }: Workspace, upper: Tensor2D, x: Tensor2D): Tensor2D {
  return tf.matMul(tf.transpose(upper), x)
}
