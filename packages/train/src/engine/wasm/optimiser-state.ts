/** Parameters' companions between the steps of a round: velocities, or the two moments of Adam. */

import type { Optimiser } from '../engine.js'
import type { EngineMemory } from './engine-memory.js'
import type { Kernels } from './kernels.js'
import type { Descent } from './stage.js'

export class OptimiserState {
  private readonly memory: EngineMemory
  private readonly kernels: Kernels
  private readonly parameters: number
  private readonly count: number
  /** Addresses; reserved when they are needed first. */
  private readonly moments: number[] = []
  private readonly descent: Descent = { velocities: 0, rate: 0, momentum: 0, weightDecay: 0 }
  /** Powers of Adam's β₁ and β₂: one more factor in every step. */
  private powers: [number, number] = [1, 1]

  constructor(memory: EngineMemory, kernels: Kernels, parameters: number, count: number) {
    this.memory = memory
    this.kernels = kernels
    this.parameters = parameters
    this.count = count
  }

  reset(): void {
    this.powers = [1, 1]
    for (const moment of this.moments) this.kernels.fillRows(1, this.count, 0, moment)
  }

  /** Reserves what the optimiser keeps; this can move the arena. */
  prepare({ kind }: Optimiser): void {
    const wanted = kind === 'sgd' ? 1 : 2
    while (this.moments.length < wanted) this.moments.push(this.memory.reserve(4 * this.count))
  }

  /** What stages need to update a tensor themselves; undefined for other optimisers than SGD. */
  descentOf(optimiser: Optimiser, learningRate: number): Descent | undefined {
    if (optimiser.kind !== 'sgd') return undefined
    const { descent } = this
    descent.velocities = this.moments[0] as number
    descent.rate = learningRate
    descent.momentum = optimiser.momentum
    descent.weightDecay = optimiser.weightDecay
    return descent
  }

  /** Gradient descent of all parameters but those from `from` to `to`, both multiples of 4. */
  descendAround(descent: Descent, gradients: number, from: number, to: number): void {
    this.descend(descent, gradients, 0, from)
    this.descend(descent, gradients, to, this.count)
  }

  private descend(
    { velocities, rate, momentum, weightDecay }: Descent,
    gradients: number,
    from: number,
    to: number,
  ): void {
    if (to <= from) return
    const at = 4 * from
    const { kernels, parameters } = this
    kernels.descend(parameters + at, velocities + at, gradients + at, to - from, rate, momentum, weightDecay)
  }

  step(optimiser: Optimiser, learningRate: number, gradients: number): void {
    const { kernels, parameters, count } = this
    const [first, second] = this.moments as [number, number]
    if (optimiser.kind === 'sgd') {
      this.descend(this.descentOf(optimiser, learningRate) as Descent, gradients, 0, count)
      return
    }
    const { beta1, beta2, epsilon, weightDecay, decoupled } = optimiser
    this.powers = [this.powers[0] * beta1, this.powers[1] * beta2]
    kernels.adam(
      ...[parameters, first, second, gradients, count, learningRate],
      ...[beta1, 1 - beta1, beta2, 1 - beta2, 1 - this.powers[0], 1 - this.powers[1], epsilon],
      ...(decoupled ? [0, learningRate * weightDecay] : [weightDecay, 0]),
    )
  }
}
