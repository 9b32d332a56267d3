import type { Model, TensorSlot } from '../../task/operation.js'
import { TrainError } from '../../trainer/train-error.js'
import type { LossName, Program, StepOptions } from '../engine.js'
import { ByteInputs } from './byte-inputs.js'
import type { EngineMemory } from './engine-memory.js'
import type { Kernels } from './kernels.js'
import { checkOffsets, createLossKernel, type LossKernel } from './loss-kernel.js'
import { createModelStages, type ModelStages } from './model-stages.js'
import { OptimiserState } from './optimiser-state.js'
import { ParameterCopies } from './parameter-copies.js'
import { ProgramFrame } from './program-frame.js'
import { Workshop } from './stage.js'

export class WasmProgram implements Program {
  readonly model: Model
  readonly loss: LossName
  private readonly memory: EngineMemory
  private readonly lossKernel: LossKernel
  private readonly stages: ModelStages
  private readonly frame: ProgramFrame
  private readonly optimiser: OptimiserState
  private readonly byteInputs: ByteInputs
  private readonly parameterCopies: ParameterCopies
  /** Address of the parameters. */
  private readonly parameters: number
  /** The last views given out, so that a step allocates nothing. */
  private readonly views: Record<'inputs' | 'targets' | 'outputs', Float32Array | Int32Array | undefined> = {
    inputs: undefined,
    targets: undefined,
    outputs: undefined,
  }

  constructor(model: Model, loss: LossName, memory: EngineMemory, kernels: Kernels) {
    this.model = model
    this.loss = loss
    this.memory = memory
    this.lossKernel = createLossKernel(model, loss, kernels)
    const workshop = new Workshop(memory, kernels)
    this.stages = createModelStages(model, workshop)
    this.parameters = memory.reserve(4 * model.parameterCount)
    this.optimiser = new OptimiserState(memory, kernels, this.parameters, model.parameterCount)
    this.byteInputs = new ByteInputs(memory, kernels)
    this.parameterCopies = new ParameterCopies(memory, kernels, model, workshop.transposed)
    const sizes = {
      inputs: 4 * this.stages.input.floats,
      targets: 4 * this.lossKernel.targets,
      offsets: 4 * this.lossKernel.classes,
      packedB: workshop.packedB,
      packedBPerSample: workshop.packedBPerSample,
      padded: Math.max(workshop.padded, this.lossKernel.scratchBytes),
    }
    this.frame = new ProgramFrame(memory, model, this.stages, sizes, this.parameters)
  }

  inputs(batch: number): Float32Array | Int32Array {
    this.frame.prepare(batch)
    const tokens = this.model.inputType === 'int32'
    return this.view('inputs', tokens, this.frame.addresses.inputs, batch * this.stages.input.floats)
  }

  inputBytes(rows: Uint8Array, order: Uint32Array, batch: number, tables: Float32Array): void {
    this.byteInputs.useTables(tables)
    this.frame.prepare(batch)
    const { floats } = this.stages.input
    this.byteInputs.write(rows, { order, batch, width: floats, to: this.frame.addresses.inputs })
  }

  targets(batch: number): Float32Array | Int32Array {
    this.frame.prepare(batch)
    const { labels, targets } = this.lossKernel
    return this.view('targets', labels, this.frame.addresses.targets, batch * targets)
  }

  load(parameters: Float32Array): void {
    this.checkCount(parameters)
    this.parameterCopies.write(parameters, this.parameters)
    this.optimiser.reset()
  }

  store(parameters: Float32Array): void {
    this.checkCount(parameters)
    this.parameterCopies.read(this.parameters, parameters)
  }

  step(batch: number, options: StepOptions): number {
    this.optimiser.prepare(options.optimiser)
    const { frame } = this
    const { optimiser, learningRate } = options
    const descent = this.optimiser.descentOf(optimiser, learningRate)
    frame.descent = descent
    frame.updated = undefined
    const loss = this.differentiate(batch, options)
    frame.descent = undefined
    const { gradients } = frame.addresses
    if (descent === undefined || frame.updated === undefined) {
      this.optimiser.step(optimiser, learningRate, gradients)
    } else {
      const { offset, length } = this.model.tensors[frame.updated] as TensorSlot
      this.optimiser.descendAround(descent, gradients, offset, offset + length)
    }
    return loss
  }

  forward(batch: number): Float32Array {
    this.frame.bind(batch, 'evaluation')
    for (const stage of this.stages.stages) stage.forward(this.frame)
    const { floats } = this.stages.output
    return this.view('outputs', false, this.frame.at(this.stages.output), batch * floats) as Float32Array
  }

  lossOf(batch: number): number {
    this.frame.bind(batch, 'evaluation')
    return this.runLoss(0, 0)
  }

  descend(
    gradient: Float32Array,
    { optimiser, learningRate }: Pick<StepOptions, 'optimiser' | 'learningRate'>,
  ): void {
    this.checkCount(gradient)
    this.optimiser.prepare(optimiser)
    const { frame } = this
    // Room for a gradient, whatever was computed before.
    frame.prepare(1)
    frame.bind(1, 'training')
    const { gradients } = frame.addresses
    this.parameterCopies.write(gradient, gradients)
    this.optimiser.step(optimiser, learningRate, gradients)
  }

  gradient(batch: number, options: Pick<StepOptions, 'seed' | 'offsets'>, out: Float32Array): number {
    this.checkCount(out)
    const loss = this.differentiate(batch, options)
    this.parameterCopies.read(this.frame.addresses.gradients, out)
    return loss
  }

  /** Forward pass, loss and backward pass; the gradient is in the arena then. */
  private differentiate(batch: number, { seed, offsets }: Pick<StepOptions, 'seed' | 'offsets'>): number {
    checkOffsets(offsets, this.lossKernel)
    const { frame } = this
    const { stages, outputGradient } = this.stages
    frame.bind(batch, 'training')
    frame.seed = seed
    if (offsets !== undefined) this.memory.float32.set(offsets, frame.addresses.offsets / 4)
    for (const stage of stages) stage.forward(frame)
    const loss = this.runLoss(offsets === undefined ? 0 : frame.addresses.offsets, frame.at(outputGradient))
    for (let k = stages.length - 1; k >= 0; k--) stages[k]?.backward(frame)
    return loss
  }

  private runLoss(offsets: number, gradient: number): number {
    const { frame } = this
    const { targets } = frame.addresses
    const outputs = frame.at(this.stages.output)
    return this.lossKernel.run(frame.batch, {
      outputs,
      targets,
      offsets,
      gradient,
      scratch: frame.scratch.padded,
    })
  }

  private view(
    name: keyof WasmProgram['views'],
    integers: boolean,
    address: number,
    length: number,
  ): Float32Array | Int32Array {
    const { buffer } = this.memory.memory
    const last = this.views[name]
    if (last !== undefined && last.buffer === buffer && last.byteOffset === address && last.length === length)
      return last
    const next = integers
      ? new Int32Array(buffer, address, length)
      : new Float32Array(buffer, address, length)
    this.views[name] = next
    return next
  }

  private checkCount({ length }: Float32Array): void {
    const { parameterCount } = this.model
    if (length === parameterCount) return
    throw new TrainError('E_PARAMETER_COUNT', `${length} parameters for a model of ${parameterCount}`)
  }
}
