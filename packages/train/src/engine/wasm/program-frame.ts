/** Where everything of a program is in the engine's memory during a computation. */

import type { Model, TensorSlot } from '../../task/operation.js'
import { TrainError } from '../../trainer/train-error.js'
import type { ArenaBuffer, Phase } from './arena-plan.js'
import { align, type EngineMemory } from './engine-memory.js'
import { type GemmScratch, PACKED_A_BYTES } from './gemm-task.js'
import type { ModelStages } from './model-stages.js'
import type { Descent, Frame } from './stage.js'

/** Bytes of the parts of the arena; inputs and targets per sample. */
export interface FrameSizes {
  readonly inputs: number
  readonly targets: number
  readonly offsets: number
  readonly packedB: number
  readonly packedBPerSample: number
  readonly padded: number
}

/** Addresses. Inputs and targets come first, so that they stay in place whatever follows. */
interface Layout {
  readonly arena: number
  readonly batch: number
  readonly inputs: number
  readonly targets: number
  readonly offsets: number
  readonly gradients: number
  readonly scratch: GemmScratch
  readonly buffers: number
}

export class ProgramFrame implements Frame {
  /** Of the step. */
  seed = 0
  descent: Descent | undefined
  updated: number | undefined
  private readonly memory: EngineMemory
  private readonly model: Model
  private readonly stages: ModelStages
  private readonly sizes: FrameSizes
  private readonly parameters: number
  private layout: Layout
  private phase: Phase = 'evaluation'
  /** What the stages' tasks were written for. */
  private bound: Layout | undefined

  constructor(
    memory: EngineMemory,
    model: Model,
    stages: ModelStages,
    sizes: FrameSizes,
    parameters: number,
  ) {
    this.memory = memory
    this.model = model
    this.stages = stages
    this.sizes = sizes
    this.parameters = parameters
    this.layout = this.layoutFor(0)
  }

  get batch(): number {
    return this.layout.batch
  }

  get training(): boolean {
    return this.phase === 'training'
  }

  get scratch(): GemmScratch {
    return this.layout.scratch
  }

  get addresses(): Omit<Layout, 'scratch' | 'arena'> {
    return this.layout
  }

  /** Makes room for inputs and targets; what was there for the same batch stays. */
  prepare(batch: number): void {
    if (this.layout.batch !== batch || this.layout.arena !== this.memory.arena)
      this.layout = this.layoutFor(batch)
    const { arena, gradients } = this.layout
    this.memory.ensureArena(gradients - arena)
    this.memory.kept = gradients - arena
  }

  /** Makes room for a computation on the prepared samples, and tells the stages where everything is. */
  bind(batch: number, phase: Phase): void {
    if (batch !== this.layout.batch) {
      const message = `a computation on ${batch} samples, but ${this.layout.batch} were written`
      throw new TrainError('E_TRAIN_INTERNAL', message)
    }
    if (this.layout.arena !== this.memory.arena) this.layout = this.layoutFor(batch)
    const perSample = phase === 'training' ? this.stages.trainingBytes : this.stages.evaluationBytes
    this.memory.ensureArena(this.layout.buffers + perSample * batch - this.layout.arena)
    if (this.bound === this.layout && this.phase === phase) return
    this.phase = phase
    this.bound = this.layout
    for (const stage of this.stages.stages) stage.bind?.(this)
  }

  at(buffer: ArenaBuffer): number {
    if (buffer === this.stages.input) return this.layout.inputs
    return this.layout.buffers + buffer[this.phase].place * this.layout.batch
  }

  parameter(tensor: number | undefined): number {
    return this.parameters + 4 * this.slot(tensor).offset
  }

  gradient(tensor: number | undefined): number {
    return this.layout.gradients + 4 * this.slot(tensor).offset
  }

  velocity(tensor: number | undefined): number {
    return (this.descent as Descent).velocities + 4 * this.slot(tensor).offset
  }

  private slot(tensor: number | undefined): TensorSlot {
    return this.model.tensors[tensor as number] as TensorSlot
  }

  private layoutFor(batch: number): Layout {
    const { sizes } = this
    const arena = this.memory.arena
    const targets = arena + align(sizes.inputs * batch)
    const offsets = targets + align(sizes.targets * batch)
    const gradients = offsets + align(sizes.offsets)
    const packedA = gradients + align(4 * this.model.parameterCount)
    const packedB = packedA + align(PACKED_A_BYTES)
    const padded = packedB + align(Math.max(sizes.packedB, sizes.packedBPerSample * batch))
    const buffers = padded + align(sizes.padded)
    const scratch = { packedA, packedB, padded }
    return { arena, batch, inputs: arena, targets, offsets, gradients, scratch, buffers }
  }
}
