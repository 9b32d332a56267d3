/** Parameters' companions between the steps of a round: velocities, or the two moments of Adam. */

import type { Optimiser } from '../engine.js'
import type { EngineMemory } from './engine-memory.js'
import type { Kernels } from './kernels.js'

export class OptimiserState {
  private readonly memory: EngineMemory
  private readonly kernels: Kernels
  private readonly parameters: number
  private readonly count: number
  /** Addresses; reserved when they are needed first. */
  private readonly moments: number[] = []
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

  step(optimiser: Optimiser, learningRate: number, gradients: number): void {
    const { kernels, parameters, count } = this
    const [first, second] = this.moments as [number, number]
    if (optimiser.kind === 'sgd') {
      const { momentum, weightDecay } = optimiser
      kernels.descend(parameters, first, gradients, count, learningRate, momentum, weightDecay)
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
