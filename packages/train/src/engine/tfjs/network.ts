/** What the program needs of a network: parameters as tensors, a forward pass, and the way back from it. */

import type { Tensor } from '@tensorflow/tfjs-core'
import type { TensorSlot } from '../../task/operation.js'
import type { TrainingBackend } from './backend.js'

export interface ForwardPass {
  /** batch × outputs, row-major. */
  readonly outputs: Float32Array
  /** Derivatives by every tensor, in slot order, from those by the outputs (batch × outputs, row-major). */
  backward(upper: Float32Array): Tensor[]
}

export interface Network {
  /** Shape in which the tensor of this slot is kept. */
  shapeOf(slot: TensorSlot, index: number): readonly number[]
  /**
   * `inputs`: batch × inputs, row-major. `seed` decides what dropout drops; without it, in evaluation, nothing is. The
   * pass and its way back run synchronously inside one tf.tidy of the caller, on the current backend.
   */
  forward(
    tensors: readonly Tensor[],
    inputs: Float32Array | Int32Array,
    batch: number,
    seed: number | undefined,
  ): ForwardPass
}

/** One tensor per slot with a copy of the flat parameters. The caller disposes of them. */
export function uploadParameters(
  { tf }: TrainingBackend,
  slots: readonly TensorSlot[],
  network: Network,
  flat: Float32Array,
): Tensor[] {
  return slots.map((slot, index) =>
    // slice, not subarray: some backends keep the array.
    tf.tensor(
      flat.slice(slot.offset, slot.offset + slot.length),
      [...network.shapeOf(slot, index)],
      'float32',
    ),
  )
}

/** Reads tensors in slot order back into the flat layout. */
export function downloadParameters(
  slots: readonly TensorSlot[],
  tensors: readonly Tensor[],
  out: Float32Array,
): void {
  slots.forEach((slot, index) => {
    out.set((tensors[index] as Tensor).dataSync<'float32'>(), slot.offset)
  })
}
