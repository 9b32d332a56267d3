/** Updates of parameters on tfjs tensors, and what they remember between the steps of a round. */

import type { Tensor } from '@tensorflow/tfjs-core'
import type { Optimiser } from '../engine.js'
import type { TrainingBackend } from './backend.js'

type Sgd = Extract<Optimiser, { kind: 'sgd' }>
type Adam = Extract<Optimiser, { kind: 'adam' }>

export class Descent {
  private readonly backend: TrainingBackend
  /** Velocities, or the two moments of Adam; empty before the first step. */
  private first: Tensor[] = []
  private second: Tensor[] = []
  /** Steps since the last reset. */
  private steps = 0

  constructor(backend: TrainingBackend) {
    this.backend = backend
  }

  /** Begins a round: forgets everything. */
  reset(): void {
    this.backend.tf.dispose([...this.first, ...this.second])
    this.first = []
    this.second = []
    this.steps = 0
  }

  /**
   * What the derivative of the batch's mean loss has to be multiplied by before `step` gets it: the learning rate of
   * SGD is folded into the gradient, v ← momentum·v + rate·g, w ← w − v.
   */
  gradientScale({ kind }: Optimiser, learningRate: number): number {
    return kind === 'sgd' ? learningRate : 1
  }

  /** Returns the parameters after one update. Disposes of the ones before and of the gradients. */
  step(
    optimiser: Optimiser,
    learningRate: number,
    parameters: readonly Tensor[],
    gradients: readonly Tensor[],
  ): Tensor[] {
    const { tf } = this.backend
    this.steps++
    const next = tf.tidy(() =>
      optimiser.kind === 'sgd'
        ? this.descend(optimiser, learningRate, parameters, gradients)
        : this.adapt(optimiser, learningRate, parameters, gradients),
    )
    tf.dispose([...parameters, ...gradients, ...this.first, ...this.second])
    this.first = next.first
    this.second = next.second
    return next.parameters
  }

  private descend(
    { momentum, weightDecay }: Sgd,
    learningRate: number,
    parameters: readonly Tensor[],
    gradients: readonly Tensor[],
  ): { parameters: Tensor[]; first: Tensor[]; second: Tensor[] } {
    const { tf } = this.backend
    const decay = learningRate * weightDecay
    const velocities = gradients.map((gradient, index) => {
      const own = parameters[index] as Tensor
      const decayed = decay > 0 ? tf.add(gradient, tf.mul(own, decay)) : gradient
      const velocity = this.first[index]
      // A clone, since the caller's gradients are disposed of.
      return velocity === undefined ? tf.clone(decayed) : tf.add(tf.mul(velocity, momentum), decayed)
    })
    return {
      parameters: parameters.map((own, index) => tf.sub(own, velocities[index] as Tensor)),
      first: momentum > 0 ? velocities : [],
      second: [],
    }
  }

  private adapt(
    { beta1, beta2, epsilon, weightDecay, decoupled }: Adam,
    learningRate: number,
    parameters: readonly Tensor[],
    gradients: readonly Tensor[],
  ): { parameters: Tensor[]; first: Tensor[]; second: Tensor[] } {
    const { tf } = this.backend
    const decayed = gradients.map((gradient, index) =>
      weightDecay > 0 && !decoupled
        ? tf.add(gradient, tf.mul(parameters[index] as Tensor, weightDecay))
        : gradient,
    )
    const moment = (before: Tensor | undefined, beta: number, value: Tensor): Tensor => {
      const fresh = tf.mul(value, 1 - beta)
      return before === undefined ? fresh : tf.add(tf.mul(before, beta), fresh)
    }
    const first = decayed.map((gradient, index) => moment(this.first[index], beta1, gradient))
    const second = decayed.map((gradient, index) => moment(this.second[index], beta2, tf.square(gradient)))
    const [firstShare, secondShare] = [1 - beta1 ** this.steps, 1 - beta2 ** this.steps]
    const shrink = decoupled ? 1 - learningRate * weightDecay : 1
    return {
      parameters: parameters.map((own, index) => {
        const deviation = tf.add(tf.sqrt(tf.div(second[index] as Tensor, secondShare)), epsilon)
        const move = tf.div(tf.mul(first[index] as Tensor, learningRate / firstShare), deviation)
        return tf.sub(shrink === 1 ? own : tf.mul(own, shrink), move)
      }),
      first,
      second,
    }
  }
}
