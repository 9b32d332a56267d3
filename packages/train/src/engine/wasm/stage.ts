/** What a model is made of here: stages, which compute values from values. */

import type { ArenaBuffer } from './arena-plan.js'
import type { EngineMemory } from './engine-memory.js'
import { type GemmScratch, GemmTask, PANEL_BYTES, packedBytes } from './gemm-task.js'
import type { Kernels } from './kernels.js'

/** What flows between two stages. */
export interface Value {
  readonly floats: number
  readonly buffer: ArenaBuffer
  /** Derivative of the loss by it. The stage that uses the value decides where it is. */
  gradient: ArenaBuffer | undefined
  /** Whether others read the gradient as well, so that it must not be overwritten. */
  gradientShared: boolean
  /** Whether a ReLU was applied to it. */
  readonly rectified: boolean
  /** Whether the gradient already has the derivative of that ReLU in it. */
  gradientMasked: boolean
  /** Whether it depends on parameters. */
  readonly needsGradient: boolean
  /** Whether nobody but its user reads it, so that the user may overwrite it. */
  readonly overwritable: boolean
}

/** Where everything is during one computation. */
export interface Frame {
  readonly batch: number
  readonly training: boolean
  /** Of the step; see StepOptions. */
  readonly seed: number
  readonly scratch: GemmScratch
  /** Address of a buffer's first sample. */
  at(buffer: ArenaBuffer): number
  /** How a stage may update a tensor itself instead of writing its gradient; undefined where gradients are wanted. */
  readonly descent: Descent | undefined
  /** The tensor that a stage has updated. */
  updated: number | undefined
  /** Address of a tensor (by its position in the operation's list), and of its gradient. */
  parameter(tensor: number | undefined): number
  gradient(tensor: number | undefined): number
  /** Of its velocities, while there is a descent. */
  velocity(tensor: number | undefined): number
}

/** Gradient descent with momentum; see `Optimiser` in `engine.ts`. */
export interface Descent {
  /** Address of the velocities of all parameters. */
  velocities: number
  rate: number
  momentum: number
  weightDecay: number
}

export interface Stage {
  /** Buffers of the forward pass, and those that it uses only when a backward pass follows. */
  readonly forwardBuffers: readonly ArenaBuffer[]
  readonly trainingBuffers?: readonly ArenaBuffer[]
  /** Decides where the input's gradient is, and returns the buffers of the backward pass. In reverse order of stages. */
  planBackward(): readonly ArenaBuffer[]
  /** The batch, the phase or addresses have changed. */
  bind?(frame: Frame): void
  forward(frame: Frame): void
  backward(frame: Frame): void
}

/** What the makers of stages need. */
export class Workshop {
  readonly memory: EngineMemory
  readonly kernels: Kernels
  /** Bytes of scratch memory that the stages made so far need. */
  packedB = 0
  padded = 0
  /** The same for each sample of a batch. */
  packedBPerSample = 0
  /** Tensors, by their position in the model, that the program keeps transposed, with their shape as the task has it. */
  readonly transposed = new Map<number, { readonly rows: number; readonly columns: number }>()

  constructor(memory: EngineMemory, kernels: Kernels) {
    this.memory = memory
    this.kernels = kernels
  }

  /** A task for sums over at most `depth` numbers of packed columns, with a padded image of so many bytes. */
  task(depth: number, padded = 0): GemmTask {
    this.packedB = Math.max(this.packedB, packedBytes(depth))
    this.needs(padded)
    return new GemmTask(this.memory, this.kernels)
  }

  /** A task for sums over all samples, each of so many rows. */
  taskOverBatch(rowsPerSample: number): GemmTask {
    this.packedBPerSample = Math.max(this.packedBPerSample, PANEL_BYTES * rowsPerSample)
    return this.task(0)
  }

  /** Scratch memory (`scratch.padded`) that a stage uses between its tasks. */
  needs(bytes: number): void {
    this.padded = Math.max(this.padded, bytes)
  }
}
