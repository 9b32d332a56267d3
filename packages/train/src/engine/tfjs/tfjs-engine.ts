/** The engine on tfjs: gradients of one of two networks, and updates of the parameters that they belong to. */

import type { Tensor } from '@tensorflow/tfjs-core'
import { volume } from '../../data/dataset.js'
import type { Model } from '../../task/operation.js'
import type { Engine, LossName, Program, StepOptions } from '../engine.js'
import { type TrainingBackend, withBackend } from './backend.js'
import { Descent } from './descent.js'
import { createGraphNetwork } from './graph-network.js'
import { createLoss, type Loss } from './loss.js'
import { downloadParameters, type Network, uploadParameters } from './network.js'
import { createStackNetwork, isStack } from './stack-network.js'

export function createTfjsEngine(backend: TrainingBackend): Engine {
  return {
    name: `tfjs-${backend.name}`,
    compile: (model, loss) => new TfjsProgram(backend, model, loss),
    run: (compute) => withBackend(backend, compute),
  }
}

class TfjsProgram implements Program {
  readonly loss: LossName
  readonly model: Model
  private readonly backend: TrainingBackend
  private readonly network: Network
  private readonly losses: Loss
  private readonly descent: Descent
  private samples: Float32Array | Int32Array = new Float32Array(0)
  private wanted: Float32Array | Int32Array = new Float32Array(0)
  private outputs = new Float32Array(0)
  /** Between load and store. */
  private parameters: Tensor[] = []

  constructor(backend: TrainingBackend, model: Model, loss: LossName) {
    this.backend = backend
    this.model = model
    this.loss = loss
    this.network = isStack(model) ? createStackNetwork(backend, model) : createGraphNetwork(backend, model)
    this.losses = createLoss(model, loss)
    this.descent = new Descent(backend)
  }

  inputs(batch: number): Float32Array | Int32Array {
    this.samples = grown(this.samples, batch * volume(this.model.input), this.model.inputType === 'int32')
    return this.samples.subarray(0, batch * volume(this.model.input))
  }

  targets(batch: number): Float32Array | Int32Array {
    this.wanted = grown(this.wanted, batch * this.losses.targets, this.losses.labels)
    return this.wanted.subarray(0, batch * this.losses.targets)
  }

  load(parameters: Float32Array): void {
    this.backend.tf.dispose(this.parameters)
    this.descent.reset()
    this.parameters = uploadParameters(this.backend, this.model.tensors, this.network, parameters)
  }

  store(parameters: Float32Array): void {
    downloadParameters(this.model.tensors, this.parameters, parameters)
  }

  step(batch: number, { optimiser, learningRate, offsets, seed }: StepOptions): number {
    const scale = this.descent.gradientScale(optimiser, learningRate) / batch
    const { loss, gradients } = this.gradients(batch, scale, offsets, seed)
    this.parameters = this.descent.step(optimiser, learningRate, this.parameters, gradients)
    return loss
  }

  descend(
    gradient: Float32Array,
    { optimiser, learningRate }: Pick<StepOptions, 'optimiser' | 'learningRate'>,
  ): void {
    const scale = this.descent.gradientScale(optimiser, learningRate)
    const scaled = gradient.map((value) => scale * value)
    const tensors = uploadParameters(this.backend, this.model.tensors, this.network, scaled)
    this.parameters = this.descent.step(optimiser, learningRate, this.parameters, tensors)
  }

  forward(batch: number): Float32Array {
    const { tf } = this.backend
    // Some backends return a view of their memory, which the next operation may change.
    this.outputs = tf.tidy(() => this.pass(batch, undefined).outputs.slice())
    return this.outputs
  }

  lossOf(batch: number): number {
    return this.losses.sum(batch, this.outputs, this.targets(batch))
  }

  gradient(batch: number, options: Pick<StepOptions, 'seed' | 'offsets'>, out: Float32Array): number {
    const { loss, gradients } = this.gradients(batch, 1 / batch, options.offsets, options.seed)
    downloadParameters(this.model.tensors, gradients, out)
    this.backend.tf.dispose(gradients)
    return loss
  }

  private pass(batch: number, seed: number | undefined) {
    return this.network.forward(this.parameters, this.inputs(batch), batch, seed)
  }

  /** Loss summed over the batch, and its derivatives times `scale`. The caller disposes of them. */
  private gradients(
    batch: number,
    scale: number,
    offsets: Float32Array | undefined,
    seed: number,
  ): { loss: number; gradients: Tensor[] } {
    let loss = 0
    const gradients = this.backend.tf.tidy(() => {
      const pass = this.pass(batch, seed)
      const upper = new Float32Array(pass.outputs.length)
      loss = this.losses.sum(batch, pass.outputs, this.targets(batch), { offsets, scale, gradient: upper })
      return pass.backward(upper)
    })
    return { loss, gradients }
  }
}

/** An array of at least this length and of this type; the same one if it is. */
function grown(
  array: Float32Array | Int32Array,
  length: number,
  integers: boolean,
): Float32Array | Int32Array {
  if (array.length >= length && array instanceof Int32Array === integers) return array
  return integers ? new Int32Array(length) : new Float32Array(length)
}
