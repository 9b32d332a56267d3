import type { Manifest } from '@tempered/protocol'
import {
  type LearningRateSchedule,
  learningRateAt,
  type OpenTask,
  openTask,
  type SampleNoise,
  type Trainer,
} from '@tempered/train'
import type { LocalTraining } from './local-training.js'

/** How often and on how many samples a node evaluates itself. */
export interface EvaluationPlan {
  /** Rounds between evaluations; the last round is always evaluated, on all test samples. */
  readonly every: number
  /** Test samples per evaluation. */
  readonly samples: number
}

/** The manifest's task. Throws TrainError E_TASK, E_MODEL_SHAPE for one that this version cannot read. */
export function manifestTask(manifest: Manifest): OpenTask {
  return openTask(manifest.task)
}

/** Parameters of each layer that has any, in the order of the vector. */
export function manifestLayers(manifest: Manifest): number[] {
  const lengths = new Map<string, number>()
  for (const { name, shape } of manifestTask(manifest).task.layout) {
    // A layer is all tensors of one path: `3.kernel` and `3.bias` belong together.
    const layer = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : name
    lengths.set(layer, (lengths.get(layer) ?? 0) + shape.reduce((product, size) => product * size, 1))
  }
  return [...lengths.values()]
}

/** The manifest's learning rate over the rounds, with its base rate. */
export function manifestSchedule(training: Manifest['training']): LearningRateSchedule {
  const { schedule, learningRate: rate, rounds } = training
  return schedule.kind === 'cosine' ? { ...schedule, rate, rounds } : { ...schedule, rate }
}

/** Number of the node's own training samples on which rules judge a model by its loss. */
const JUDGING_SAMPLES = 256

/**
 * Adapts a trainer to the round engine: trains for the manifest's local steps.
 *
 * @param noiseOf - the noise on every step of a round that begins with this model; default: none
 */
export function createManifestTraining(
  trainer: Trainer,
  manifest: Manifest,
  plan: EvaluationPlan,
  noiseOf?: (round: number, start: Float32Array) => SampleNoise,
): LocalTraining {
  let { training } = manifest
  let schedule = manifestSchedule(training)
  /** The trainer holds one model at a time; a chain may want another one scored while this node trains. */
  let busy: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = busy.then(work, work)
    busy = done.catch(() => undefined)
    return done
  }
  return {
    enterEpoch(next) {
      training = next.training
      schedule = manifestSchedule(training)
    },
    train: (round, parameters) =>
      inTurn(async () => {
        // A run without local steps only gossips, as in averaging tasks and tests of the network.
        if (training.localSteps === 0) return { loss: Number.NaN }
        trainer.setParameters(parameters)
        const { loss } = await trainer.train({
          round,
          steps: training.localSteps,
          batchSize: training.batchSize,
          learningRate: learningRateAt(schedule, round),
          momentum: training.momentum,
          weightDecay: training.weightDecay,
          logitAdjustment: training.logitAdjustment ?? 0,
          ...(noiseOf === undefined ? {} : { noise: noiseOf(round, parameters) }),
        })
        trainer.getParameters(parameters)
        return { loss }
      }),
    evaluate: (round, parameters) =>
      inTurn(async () => {
        const last = round === training.rounds - 1
        if (!last && (round + 1) % plan.every !== 0) return null
        trainer.setParameters(parameters)
        return trainer.evaluate(last ? {} : { limit: plan.samples })
      }),
    measure: (parameters) =>
      inTurn(async () => {
        trainer.setParameters(parameters)
        return trainer.evaluate({ limit: plan.samples })
      }),
    score: (parameters) =>
      inTurn(async () => {
        trainer.setParameters(parameters)
        return (await trainer.evaluate({})).primary
      }),
    loss: (round, parameters) =>
      inTurn(async () => {
        if (trainer.losses !== undefined) {
          const [loss = Number.NaN] = await trainer.losses([parameters], round, JUDGING_SAMPLES)
          return loss
        }
        trainer.setParameters(parameters)
        const { loss } = await trainer.evaluate({ trainingRound: round, limit: JUDGING_SAMPLES })
        return loss
      }),
  }
}
