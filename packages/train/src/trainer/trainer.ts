/**
 * The interface of a trainer. A trainer keeps one model's parameters and nothing else from round to round: momentum
 * starts at zero and the order of samples comes from (seed, node id, round) alone, so a restarted node repeats a
 * round bit for bit on the same engine.
 */

import type { Samples } from '../data/dataset.js'
import type { MetricName } from '../task/metrics.js'
import type { Task } from '../task/task-schema.js'
import type { SampleNoise } from './private-steps.js'

export interface TrainRequest {
  /** Round number, integer ≥ 0; with seed and node id it fixes the order of the samples. */
  round: number
  /** Minibatch steps, integer ≥ 1. */
  steps: number
  /** Samples per step, integer ≥ 1; a node with fewer samples uses all of them in every step. */
  batchSize: number
  /** Learning rate of this round (see schedule.ts), ≥ 0. */
  learningRate: number
  /** Of the optimiser sgd: v ← momentum·v + g; w ← w − learningRate·v. In [0, 1). */
  momentum: number
  /** L2: g ← g + weightDecay·w, on kernels and biases. ≥ 0, default 0. */
  weightDecay?: number
  /**
   * Strength τ of logit adjustment (logit-adjustment.ts), for one label per sample: the loss is that of
   * z_c + τ·log π_c, π from the node's own labels. ≥ 0, default 0: plain cross entropy.
   */
  logitAdjustment?: number
  /**
   * Clips the gradient of every sample and adds noise to every step (private-steps.ts); then steps have `batchSize`
   * samples on average. Default: neither. Processes of users' own refuse it.
   */
  noise?: SampleNoise
}

export interface TrainResult {
  /** Mean loss over all samples of all steps, each before its step, adjusted, without weight decay. */
  loss: number
  /** Samples seen: steps · min(batchSize, samples of the node), or so on average with `noise`. */
  samples: number
}

export interface EvaluateRequest {
  /** Samples per forward pass, default 256. Changes speed, and the loss in its last bits. */
  batchSize?: number
  /** Only the first `limit` samples. */
  limit?: number
  /**
   * The node's own training samples instead of the test samples, in the order of this round: with a limit, the same
   * ones for every model of the round. Integer ≥ 0.
   */
  trainingRound?: number
}

export interface ClassScore {
  correct: number
  total: number
}

export interface Evaluation {
  /** Mean loss. */
  loss: number
  /** The task's metrics by name; the first of `Task.metrics` is the one to show. NaN where a metric is undefined. */
  metrics: Partial<Record<MetricName, number>>
  /** Value of the first metric. */
  primary: number
  /** Number of samples evaluated. */
  samples: number
  /** Index = class; for one label per sample, else undefined. */
  perClass?: ClassScore[]
}

/** The part of AbortSignal that a running computation checks, once per step. */
export interface StopSignal {
  readonly aborted: boolean
}

export interface Trainer {
  readonly parameterCount: number
  /** Copies `flat` (layout: `Task.layout`) in. Throws E_PARAMETER_COUNT for another length. */
  setParameters(flat: Float32Array): void
  /** Copies the parameters into `out` and returns it. Throws E_PARAMETER_COUNT for another length. */
  getParameters(out: Float32Array): Float32Array
  /** Rejects with E_TRAIN_REQUEST, or E_TRAIN_ABORTED; then the parameters are unchanged. */
  train(request: TrainRequest, signal?: AbortSignal): Promise<TrainResult>
  evaluate(request?: EvaluateRequest, signal?: AbortSignal): Promise<Evaluation>
  /**
   * Mean losses of models on the node's own training samples, the same samples for every model of a round, where that
   * is faster than to set each and evaluate it.
   */
  losses?(models: readonly Float32Array[], round: number, limit: number): Promise<number[]>
  /** Frees the trainer's memory; every later call fails with E_TRAINER_DISPOSED. */
  dispose(): void
}

/** The task and data of one node's training. */
export interface TrainerSpec {
  task: Task
  /** The node's samples are those at `indices`; targets may be any that fit the task. */
  train: Samples & { readonly indices: Uint32Array }
  test: Samples
  nodeId: string | number
  seed: string | number
}
