import { type Clock, type LocalTraining, sleep, type VirtualTime } from '@tempered/node'

/** Virtual milliseconds that a round of local training takes. */
export const TRAINING_MS = 1_000

export interface SimulatedTrainingInit {
  readonly time: VirtualTime
  /** Index of the node. */
  readonly owner: number
  readonly clock: Clock
  /** How many times slower than others this node trains in a round; 1 for most. */
  slowness(): number
}

/** Real training. Virtual time stands still during it and then advances by the training time. */
export function simulatedTraining(training: LocalTraining, init: SimulatedTrainingInit): LocalTraining {
  const { time, owner, clock } = init
  return {
    samplingRate: training.samplingRate,
    async train(round, parameters) {
      const result = await time.hold(owner, () => training.train(round, parameters))
      await sleep(clock, TRAINING_MS * init.slowness())
      return result
    },
    evaluate: (round, parameters) => time.hold(owner, () => training.evaluate(round, parameters)),
    measure:
      training.measure === undefined
        ? undefined
        : (parameters) => time.hold(owner, () => training.measure!(parameters)),
    score:
      training.score === undefined
        ? undefined
        : (parameters) => time.hold(owner, () => training.score!(parameters)),
    loss: (round, parameters) => time.hold(owner, () => training.loss(round, parameters)),
  }
}
