/** The engine on tfjs: manual SGD around the hand-written network, for stacks of convolutions, pools and dense layers. */

import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import { volume } from '../../data/dataset.js'
import type { Model } from '../../task/operation.js'
import { TrainError } from '../../trainer/train-error.js'
import type { Engine, Program, StepOptions } from '../engine.js'
import { type TrainingBackend, withBackend } from './backend.js'
import { crossEntropy, scoreSample } from './cross-entropy.js'
import { backward, downloadParameters, forward, stackProblem, uploadParameters } from './tfjs-network.js'

export function createTfjsEngine(backend: TrainingBackend): Engine {
  return {
    name: `tfjs-${backend.name}`,
    unsupported(model, loss) {
      if (loss !== 'cross-entropy') return `the loss ${loss} is not written for tfjs`
      return stackProblem(model)
    },
    compile(model) {
      return new TfjsProgram(backend, model)
    },
    run: (compute) => withBackend(backend, compute),
  }
}

class TfjsProgram implements Program {
  readonly loss = 'cross-entropy'
  readonly model: Model
  private readonly backend: TrainingBackend
  private readonly inputLength: number
  private readonly classes: number
  private images = new Float32Array(0)
  private labels = new Int32Array(0)
  private rows = new Float32Array(0)
  private noOffsets: Float64Array
  private lastLoss = 0
  /** Between load and store; velocities are empty before the first step. */
  private parameters: Tensor[] = []
  private velocities: Tensor[] = []

  constructor(backend: TrainingBackend, model: Model) {
    this.backend = backend
    this.model = model
    this.inputLength = volume(model.input)
    this.classes = volume(model.output)
    this.noOffsets = new Float64Array(this.classes)
  }

  inputs(batch: number): Float32Array {
    const length = batch * this.inputLength
    if (this.images.length < length) this.images = new Float32Array(length)
    return this.images.subarray(0, length)
  }

  targets(batch: number): Int32Array {
    if (this.labels.length < batch) this.labels = new Int32Array(batch)
    return this.labels.subarray(0, batch)
  }

  load(parameters: Float32Array): void {
    this.release()
    this.parameters = uploadParameters(this.backend, this.model, parameters)
  }

  store(parameters: Float32Array): void {
    downloadParameters(this.model, this.parameters, parameters)
  }

  step(batch: number, options: StepOptions): number {
    const { optimiser, learningRate, offsets } = options
    if (optimiser.kind !== 'sgd')
      throw new TrainError('E_BACKEND_UNAVAILABLE', `the optimiser ${optimiser.kind} is not written for tfjs`)
    const { tf } = this.backend
    let loss = 0
    const updated = tf.tidy(() => {
      // The learning rate is folded into the gradient: v ← momentum·v + rate·g, w ← w − v.
      const result = this.gradients(batch, learningRate / batch, offsets)
      loss = result.loss
      return this.descend(optimiser, learningRate, result.gradients)
    })
    this.release()
    this.parameters = updated.parameters
    this.velocities = updated.velocities
    return loss
  }

  forward(batch: number): Float32Array {
    const { tf } = this.backend
    const columns = tf.tidy(() => this.pass(batch).logits.dataSync<'float32'>())
    const { classes } = this
    this.lastLoss = 0
    for (let k = 0; k < batch; k++) {
      this.lastLoss += scoreSample(columns, this.labels[k] as number, classes, batch, k).loss
    }
    if (this.rows.length < batch * classes) this.rows = new Float32Array(batch * classes)
    for (let k = 0; k < batch; k++)
      for (let c = 0; c < classes; c++) this.rows[k * classes + c] = columns[c * batch + k] as number
    return this.rows.subarray(0, batch * classes)
  }

  lossOf(): number {
    return this.lastLoss
  }

  gradient(batch: number, { offsets }: Pick<StepOptions, 'seed' | 'offsets'>, out: Float32Array): number {
    const { tf } = this.backend
    return tf.tidy(() => {
      const { loss, gradients } = this.gradients(batch, 1 / batch, offsets)
      downloadParameters(this.model, gradients, out)
      return loss
    })
  }

  private release(): void {
    this.backend.tf.dispose([...this.parameters, ...this.velocities])
    this.parameters = []
    this.velocities = []
  }

  private pass(batch: number) {
    const { backend, model } = this
    const images = backend.tf.tensor2d(this.inputs(batch), [batch, this.inputLength])
    return forward(backend, model, this.parameters, images)
  }

  /** Loss summed over the batch, and its derivatives times `scale`; call it inside a tidy. */
  private gradients(
    batch: number,
    scale: number,
    offsets: Float32Array | undefined,
  ): { loss: number; gradients: Tensor[] } {
    const { backend, model, classes } = this
    const pass = this.pass(batch)
    const upper = new Float32Array(classes * batch)
    const shifts = offsets === undefined ? this.noOffsets : Float64Array.from(offsets)
    const logits = pass.logits.dataSync<'float32'>()
    const loss = crossEntropy(logits, shifts, this.targets(batch), classes, batch, scale, upper)
    const logitGradient: Tensor2D = backend.tf.tensor2d(upper, [classes, batch])
    return { loss, gradients: backward(backend, model, this.parameters, pass, logitGradient) }
  }

  /** One update; `gradients` already include the learning rate. */
  private descend(
    { momentum, weightDecay }: { readonly momentum: number; readonly weightDecay: number },
    learningRate: number,
    gradients: readonly Tensor[],
  ): { parameters: Tensor[]; velocities: Tensor[] } {
    const { tf } = this.backend
    const decay = learningRate * weightDecay
    const next = gradients.map((gradient, index) => {
      const own = this.parameters[index] as Tensor
      const decayed = decay > 0 ? tf.add(gradient, tf.mul(own, decay)) : gradient
      const velocity = this.velocities[index]
      return velocity === undefined ? decayed : tf.add(tf.mul(velocity, momentum), decayed)
    })
    return {
      parameters: this.parameters.map((own, index) => tf.sub(own, next[index] as Tensor)),
      velocities: momentum > 0 ? next : [],
    }
  }
}
