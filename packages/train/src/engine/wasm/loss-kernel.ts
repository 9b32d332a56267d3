/** The loss of a program's outputs. */

import type { Model } from '../../task/operation.js'
import { TrainError } from '../../trainer/train-error.js'
import type { LossName } from '../engine.js'
import { type Kernels, LOSS_CODES } from './kernels.js'

export interface LossKernel {
  /** Numbers of a sample's target: int32 labels for cross-entropy, else float32. */
  readonly targets: number
  readonly labels: boolean
  /** Offsets per class, for cross-entropy. */
  readonly classes: number
  readonly scratchBytes: number
  /** Sum of the losses; writes the derivative of their mean unless `gradient` is 0. */
  run(batch: number, at: LossAddresses): number
}

interface LossAddresses {
  readonly outputs: number
  readonly targets: number
  /** 0: none. */
  readonly offsets: number
  readonly gradient: number
  readonly scratch: number
}

export function createLossKernel(model: Model, loss: LossName, kernels: Kernels): LossKernel {
  const outputs = model.output.reduce((product, size) => product * size, 1)
  if (loss !== 'cross-entropy') {
    const code = LOSS_CODES[loss]
    return {
      targets: outputs,
      labels: false,
      classes: 0,
      scratchBytes: 0,
      run: (batch, at) => kernels.elementLoss(code, batch, outputs, at.outputs, at.targets, at.gradient),
    }
  }
  const classes = model.output.at(-1) as number
  const positions = outputs / classes
  return {
    targets: positions,
    labels: true,
    classes,
    scratchBytes: 4 * classes + 16,
    run: (batch, at) =>
      kernels.crossEntropy(
        ...[batch, positions, classes, at.outputs, at.targets, at.offsets, at.gradient, at.scratch],
      ),
  }
}

/** Throws TrainError unless there are as many offsets as classes. */
export function checkOffsets(offsets: Float32Array | undefined, { classes }: LossKernel): void {
  if (offsets === undefined || offsets.length === classes) return
  throw new TrainError(
    'E_TRAIN_REQUEST',
    `offsets: ${offsets.length} numbers for ${classes} classes; give one for each class of a cross-entropy`,
  )
}
