/**
 * Trainers on an engine: they order the samples, fill batches and keep scores; the engine's program computes. Between
 * calls a trainer keeps one flat Float32Array, so that many nodes fit into one process.
 */

import type { Samples } from '../data/dataset.js'
import type { Engine, Optimiser, Program } from '../engine/engine.js'
import { initialTaskParameters, type OpenTask, openTask } from '../task/task.js'
import { type BatchFiller, createBatchFiller } from './batch-filling.js'
import { createBatchOrder } from './batches.js'
import { logPriors } from './logit-adjustment.js'
import { createPrivateSteps, type SampleNoise } from './private-steps.js'
import { createScoreKeeper } from './scores.js'
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
  readonly engine: Engine
  /** Starts from the initial parameters of the task under `spec.seed`. Throws TrainError for an invalid spec. */
  open(spec: TrainerSpec): LocalTrainer
}

interface Compiled {
  readonly open: OpenTask
  readonly program: Program
  readonly filler: BatchFiller
}

/** Trainers of one factory share programs, one per task. */
export function createTrainerFactory(engine: Engine): TrainerFactory {
  const compiled = new Map<string, Compiled>()
  return {
    engine,
    open(spec) {
      const key = JSON.stringify(spec.task)
      let parts = compiled.get(key)
      if (parts === undefined) {
        const open = openTask(spec.task)
        parts = { open, program: compile(engine, open), filler: createBatchFiller(open.task) }
        compiled.set(key, parts)
      }
      checkSpec(spec, parts.open)
      return new EngineTrainer(engine, parts, spec)
    },
  }
}

function compile(engine: Engine, { model, task }: OpenTask): Program {
  if (model === undefined) {
    throw new TrainError(
      'E_TASK',
      `the model of task ${task.name} is known only to a process that trains it; give each node one, under trainer in node.yaml`,
    )
  }
  return engine.compile(model, task.loss)
}

class EngineTrainer implements LocalTrainer {
  readonly parameterCount: number
  private readonly engine: Engine
  private readonly parts: Compiled
  private readonly spec: TrainerSpec
  private readonly priors: Float64Array | undefined
  private flat: Float32Array
  private disposed = false

  constructor(engine: Engine, parts: Compiled, spec: TrainerSpec) {
    this.engine = engine
    this.parts = parts
    this.spec = spec
    const { task, outputs, parameterCount } = parts.open
    this.parameterCount = parameterCount
    const { targets, indices } = spec.train
    if (task.output.type === 'class') this.priors = logPriors(targets, indices, outputs)
    this.flat = initialTaskParameters(parts.open, spec.seed)
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
    return this.engine.run(() => {
      this.checkAlive()
      return this.trainNow(request, signal)
    })
  }

  async evaluate(request: EvaluateRequest = {}, signal?: StopSignal): Promise<Evaluation> {
    this.checkAlive()
    checkEvaluateRequest(request)
    return this.engine.run(() => {
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

  private optimiser({ momentum, weightDecay = 0 }: TrainRequest): Optimiser {
    const { optimiser } = this.parts.open.task
    return optimiser.kind === 'sgd' ? { kind: 'sgd', momentum, weightDecay } : { ...optimiser, weightDecay }
  }

  private trainNow(request: TrainRequest, signal: StopSignal | undefined): TrainResult {
    const { spec, parts } = this
    const { program, filler } = parts
    const { indices } = spec.train
    if (indices.length === 0) return { loss: Number.NaN, samples: 0 }
    if (request.noise !== undefined) return this.trainPrivately(request, request.noise, signal)
    const order = createBatchOrder(indices, request.batchSize, { ...spec, round: request.round })
    let samples = new Uint32Array(order.size)
    let next = new Uint32Array(order.size)
    const strength = request.logitAdjustment ?? 0
    const offsets =
      strength === 0 || this.priors === undefined
        ? undefined
        : Float32Array.from(this.priors, (prior) => strength * prior)
    const options = {
      optimiser: this.optimiser(request),
      learningRate: request.learningRate,
      offsets,
      seed: 0,
    }
    const dropoutSeed = createDropoutSeed(spec, request.round)

    let lossSum = 0
    program.load(this.flat)
    order.next(next)
    for (let step = 0; step < request.steps; step++) {
      checkSignal(signal)
      ;[samples, next] = [next, samples]
      filler.fill(program, spec.train, samples, order.size)
      if (step + 1 < request.steps) {
        order.next(next)
        filler.expect(spec.train, next, order.size)
      }
      options.seed = dropoutSeed(step)
      lossSum += program.step(order.size, options)
    }
    program.store(this.flat)
    const seen = request.steps * order.size
    return { loss: lossSum / seen, samples: seen }
  }

  private trainPrivately(
    request: TrainRequest,
    noise: SampleNoise,
    signal: StopSignal | undefined,
  ): TrainResult {
    const { spec, parts } = this
    const { program, filler } = parts
    const { batchSize, learningRate } = request
    const steps = createPrivateSteps(program, filler, { ...noise, train: spec.train, batchSize })
    const dropoutSeed = createDropoutSeed(spec, request.round)
    const optimiser = this.optimiser(request)
    let lossSum = 0
    let seen = 0
    program.load(this.flat)
    for (let step = 0; step < request.steps; step++) {
      checkSignal(signal)
      const { loss, samples } = steps.step({ optimiser, learningRate, seed: dropoutSeed(step) })
      lossSum += loss
      seen += samples
    }
    program.store(this.flat)
    return { loss: lossSum / seen, samples: seen }
  }

  /** Which samples are evaluated, in which order. */
  private evaluated({ trainingRound, limit }: EvaluateRequest): { samples: Samples; order: Uint32Array } {
    const { train, test } = this.spec
    if (trainingRound === undefined) {
      const count = Math.min(limit ?? test.count, test.count)
      return { samples: test, order: Uint32Array.from({ length: count }, (_, k) => k) }
    }
    const { indices } = train
    const batches = createBatchOrder(indices, limit ?? indices.length, { ...this.spec, round: trainingRound })
    const order = new Uint32Array(batches.size)
    batches.next(order)
    return { samples: train, order }
  }

  private evaluateNow(request: EvaluateRequest, signal: StopSignal | undefined): Evaluation {
    const { open, program, filler } = this.parts
    const { samples, order } = this.evaluated(request)
    const scores = createScoreKeeper(open, samples, order.length)
    const batchSize = request.batchSize ?? DEFAULT_EVALUATION_BATCH
    program.load(this.flat)
    for (let start = 0; start < order.length; start += batchSize) {
      checkSignal(signal)
      const part = order.subarray(start, start + batchSize)
      filler.fill(program, samples, part, part.length)
      const next = order.subarray(start + batchSize, start + 2 * batchSize)
      filler.expect(samples, next, next.length)
      const outputs = program.forward(part.length)
      scores.add(outputs, program.lossOf(part.length), part, part.length, filler.filled)
    }
    return scores.finish()
  }
}

/** One number in [0, 2³²) per step of a round, for dropout; from the node's stream alone. */
function createDropoutSeed({ seed, nodeId }: TrainerSpec, round: number): (step: number) => number {
  let mixed = 0x811c9dc5
  for (const unit of `${seed}/${nodeId}/${round}`) mixed = Math.imul(mixed ^ unit.charCodeAt(0), 0x01000193)
  return (step) => Math.imul(mixed ^ step, 0x9e3779b1) >>> 0
}
