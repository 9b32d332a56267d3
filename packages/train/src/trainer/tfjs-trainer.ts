/**
 * Trainer on tfjs: manual SGD with momentum around the hand-written network. Trainers of one factory share the
 * backend, the model descriptions and the scratch memory; between calls a trainer keeps one flat Float32Array and no
 * tensor, so that many nodes fit into one process.
 */

import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import { type TrainingBackend, withBackend } from '../engine/tfjs/backend.js'
import { backward, downloadParameters, forward, uploadParameters } from '../engine/tfjs/tfjs-network.js'
import { describeModel, initialParameters, type ModelDescription } from '../task/models.js'
import { createBatchOrder, gatherImages } from './batches.js'
import { crossEntropy, scoreSample } from './cross-entropy.js'
import { logPriors } from './logit-adjustment.js'
import { TrainError } from './train-error.js'
import type {
  EvaluateRequest,
  Evaluation,
  StopSignal,
  Trainer,
  TrainerSpec,
  TrainRequest,
  TrainResult,
} from './trainer.js'
import {
  checkEvaluateRequest,
  checkParameterCount,
  checkSignal,
  checkSpec,
  checkTrainRequest,
} from './trainer-checks.js'

const DEFAULT_EVALUATION_BATCH = 256

/** A trainer that computes in this thread; it checks the signal once per step. */
export interface LocalTrainer extends Trainer {
  train(request: TrainRequest, signal?: StopSignal): Promise<TrainResult>
  evaluate(request?: EvaluateRequest, signal?: StopSignal): Promise<Evaluation>
}

export interface TrainerFactory {
  readonly backend: TrainingBackend
  /** Starts from initialParameters(model, spec.seed). Throws TrainError for an invalid spec. */
  open(spec: TrainerSpec): LocalTrainer
}

/** Memory that grows to the largest batch and is used by one computation at a time. */
class Scratch {
  private images = new Float32Array(0)
  private samples = new Uint32Array(0)
  private labels = new Uint8Array(0)

  imagesFor(length: number): Float32Array {
    if (this.images.length < length) this.images = new Float32Array(length)
    return this.images.subarray(0, length)
  }

  samplesFor(length: number): Uint32Array {
    if (this.samples.length < length) this.samples = new Uint32Array(length)
    return this.samples.subarray(0, length)
  }

  labelsFor(length: number): Uint8Array {
    if (this.labels.length < length) this.labels = new Uint8Array(length)
    return this.labels.subarray(0, length)
  }
}

export function createTrainerFactory(backend: TrainingBackend): TrainerFactory {
  const scratch = new Scratch()
  return {
    backend,
    open(spec) {
      const model = describeModel(spec.model, spec.inputShape, spec.classes)
      checkSpec(spec, model)
      return new TfjsTrainer(backend, scratch, model, spec)
    },
  }
}

/**
 * Loss summed over the batch, and its derivatives times `scale`, on the current backend; call it inside a tidy.
 * `offsets`: one number per class, added to its logits.
 */
export function batchGradients(
  backend: TrainingBackend,
  model: ModelDescription,
  tensors: readonly Tensor[],
  images: Float32Array,
  labels: Uint8Array,
  offsets: Float64Array,
  scale: number,
): { loss: number; gradients: Tensor[] } {
  const { tf } = backend
  const batch = labels.length
  const pass = forward(backend, model, tensors, tf.tensor2d(images, [batch, images.length / batch]))
  const logitGradient = new Float32Array(model.classes * batch)
  const loss = crossEntropy(
    pass.logits.dataSync<'float32'>(),
    offsets,
    labels,
    model.classes,
    batch,
    scale,
    logitGradient,
  )
  const upper = tf.tensor2d(logitGradient, [model.classes, batch])
  return { loss, gradients: backward(backend, model, tensors, pass, upper) }
}

class TfjsTrainer implements LocalTrainer {
  readonly parameterCount: number
  private readonly backend: TrainingBackend
  private readonly scratch: Scratch
  private readonly model: ModelDescription
  private readonly spec: TrainerSpec
  private readonly priors: Float64Array
  private flat: Float32Array
  private disposed = false

  constructor(backend: TrainingBackend, scratch: Scratch, model: ModelDescription, spec: TrainerSpec) {
    this.backend = backend
    this.scratch = scratch
    this.model = model
    this.spec = spec
    this.parameterCount = model.parameterCount
    this.priors = logPriors(spec.train.labels, spec.train.indices, model.classes)
    this.flat = initialParameters(model, spec.seed)
  }

  setParameters(flat: Float32Array): void {
    this.checkAlive()
    checkParameterCount(flat, this.parameterCount)
    this.flat.set(flat)
  }

  getParameters(out: Float32Array): Float32Array {
    this.checkAlive()
    checkParameterCount(out, this.parameterCount)
    out.set(this.flat)
    return out
  }

  async train(request: TrainRequest, signal?: StopSignal): Promise<TrainResult> {
    this.checkAlive()
    checkTrainRequest(request)
    return withBackend(this.backend, () => {
      this.checkAlive()
      return this.trainNow(request, signal)
    })
  }

  async evaluate(request: EvaluateRequest = {}, signal?: StopSignal): Promise<Evaluation> {
    this.checkAlive()
    checkEvaluateRequest(request)
    return withBackend(this.backend, () => {
      this.checkAlive()
      return this.evaluateNow(request, signal)
    })
  }

  dispose(): void {
    this.disposed = true
    this.flat = new Float32Array(0)
  }

  private checkAlive(): void {
    if (this.disposed)
      throw new TrainError('E_TRAINER_DISPOSED', `the trainer of node ${this.spec.nodeId} is disposed of`)
  }

  private trainNow(request: TrainRequest, signal: StopSignal | undefined): TrainResult {
    const { backend, model, scratch, spec } = this
    const { tf } = backend
    const { images, labels, indices } = spec.train
    const length = images.length / labels.length
    const order = createBatchOrder(indices, request.batchSize, { ...spec, round: request.round })
    const samples = scratch.samplesFor(order.size)
    const batchImages = scratch.imagesFor(order.size * length)
    const batchLabels = scratch.labelsFor(order.size)
    const strength = request.logitAdjustment ?? 0
    const offsets = this.priors.map((prior) => strength * prior)

    let lossSum = 0
    let parameters = uploadParameters(backend, model, this.flat)
    let velocities: Tensor[] = []
    try {
      for (let step = 0; step < request.steps; step++) {
        checkSignal(signal)
        order.next(samples)
        gatherImages(images, length, samples, order.size, batchImages)
        for (let k = 0; k < order.size; k++) batchLabels[k] = labels[samples[k] as number] as number
        const updated = tf.tidy(() => {
          // The learning rate is folded into the gradient: v ← momentum·v + rate·g, w ← w − v.
          const scale = request.learningRate / order.size
          const { loss, gradients } = batchGradients(
            backend,
            model,
            parameters,
            batchImages,
            batchLabels,
            offsets,
            scale,
          )
          lossSum += loss
          return this.descend(request, parameters, velocities, gradients)
        })
        tf.dispose([...parameters, ...velocities])
        parameters = updated.parameters
        velocities = updated.velocities
      }
      downloadParameters(model, parameters, this.flat)
    } finally {
      tf.dispose([...parameters, ...velocities])
    }
    const seen = request.steps * order.size
    return { loss: lossSum / seen, samples: seen }
  }

  /** One update; `gradients` already include the learning rate. Velocities are empty in a round's first step. */
  private descend(
    request: TrainRequest,
    parameters: readonly Tensor[],
    velocities: readonly Tensor[],
    gradients: readonly Tensor[],
  ): { parameters: Tensor[]; velocities: Tensor[] } {
    const { tf } = this.backend
    const decay = request.learningRate * (request.weightDecay ?? 0)
    const nextVelocities = gradients.map((gradient, index) => {
      const own = parameters[index] as Tensor
      const decayed = decay > 0 ? tf.add(gradient, tf.mul(own, decay)) : gradient
      const velocity = velocities[index]
      return velocity === undefined ? decayed : tf.add(tf.mul(velocity, request.momentum), decayed)
    })
    return {
      parameters: parameters.map((own, index) => tf.sub(own, nextVelocities[index] as Tensor)),
      velocities: request.momentum > 0 ? nextVelocities : [],
    }
  }

  /**
   * Which of the node's own training samples are evaluated, in which order; undefined for the test samples in their
   * order.
   */
  private evaluationOrder({ trainingRound, limit }: EvaluateRequest): Uint32Array | undefined {
    if (trainingRound === undefined) return undefined
    const { indices } = this.spec.train
    const order = createBatchOrder(indices, limit ?? indices.length, { ...this.spec, round: trainingRound })
    const samples = new Uint32Array(order.size)
    order.next(samples)
    return samples
  }

  private evaluateNow(request: EvaluateRequest, signal: StopSignal | undefined): Evaluation {
    const { backend, model, scratch, spec } = this
    const { tf } = backend
    const { images, labels } = request.trainingRound === undefined ? spec.test : spec.train
    const length = images.length / labels.length
    const order = this.evaluationOrder(request)
    const count = order?.length ?? Math.min(request.limit ?? labels.length, labels.length)
    const batchSize = Math.min(request.batchSize ?? DEFAULT_EVALUATION_BATCH, count)
    const perClass = Array.from({ length: model.classes }, () => ({ correct: 0, total: 0 }))
    let lossSum = 0
    let correct = 0
    const parameters = uploadParameters(backend, model, this.flat)
    try {
      for (let start = 0; start < count; start += batchSize) {
        checkSignal(signal)
        const batch = Math.min(batchSize, count - start)
        const samples = scratch.samplesFor(batch)
        for (let k = 0; k < batch; k++) samples[k] = order?.[start + k] ?? start + k
        const batchImages = scratch.imagesFor(batch * length)
        gatherImages(images, length, samples, batch, batchImages)
        const logits = tf.tidy(() => {
          const input: Tensor2D = tf.tensor2d(batchImages, [batch, length])
          return forward(backend, model, parameters, input).logits.dataSync<'float32'>()
        })
        for (let k = 0; k < batch; k++) {
          const label = labels[samples[k] as number] as number
          const { loss, predicted } = scoreSample(logits, label, model.classes, batch, k)
          lossSum += loss
          const score = perClass[label] as { correct: number; total: number }
          score.total++
          if (predicted === label) {
            score.correct++
            correct++
          }
        }
      }
    } finally {
      tf.dispose(parameters)
    }
    return { loss: lossSum / count, accuracy: correct / count, samples: count, perClass }
  }
}
