/**
 * The interface of a trainer. A trainer keeps one model's parameters and nothing else from round to round: momentum
 * starts at zero and the order of samples comes from (seed, node id, round) alone, so a restarted node repeats a
 * round bit for bit on the same backend.
 */

import type { InputShape, ModelName } from '../task/models.js'

export interface TrainRequest {
  /** Round number, integer ≥ 0; with seed and node id it fixes the order of the samples. */
  round: number
  /** Minibatch steps, integer ≥ 1. */
  steps: number
  /** Samples per step, integer ≥ 1; a node with fewer samples uses all of them in every step. */
  batchSize: number
  /** Learning rate of this round (see schedule.ts), ≥ 0. */
  learningRate: number
  /** v ← momentum·v + g; w ← w − learningRate·v. In [0, 1). */
  momentum: number
  /** L2: g ← g + weightDecay·w, on kernels and biases. ≥ 0, default 0. */
  weightDecay?: number
  /**
   * Strength τ of logit adjustment (logit-adjustment.ts): the loss is that of z_c + τ·log π_c, π from the node's own
   * labels. ≥ 0, default 0: plain cross entropy.
   */
  logitAdjustment?: number
}

export interface TrainResult {
  /** Mean cross entropy (nats) over all samples of all steps, each before its step, adjusted, without weight decay. */
  loss: number
  /** Samples seen: steps · min(batchSize, samples of the node). */
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
  /** Mean cross entropy (nats). */
  loss: number
  /** Share of samples whose largest logit is at the label (the first of equals); in [0, 1]. */
  accuracy: number
  /** Number of samples evaluated. */
  samples: number
  /** Index = class. */
  perClass: ClassScore[]
}

/** The part of AbortSignal that a running computation checks, once per step. */
export interface StopSignal {
  readonly aborted: boolean
}

export interface Trainer {
  readonly parameterCount: number
  /** Copies `flat` (layout: models.ts) in. Throws E_PARAMETER_COUNT for another length. */
  setParameters(flat: Float32Array): void
  /** Copies the parameters into `out` and returns it. Throws E_PARAMETER_COUNT for another length. */
  getParameters(out: Float32Array): Float32Array
  /** Rejects with E_TRAIN_REQUEST, or E_TRAIN_ABORTED; then the parameters are unchanged. */
  train(request: TrainRequest, signal?: AbortSignal): Promise<TrainResult>
  evaluate(request?: EvaluateRequest, signal?: AbortSignal): Promise<Evaluation>
  /** Frees the trainer's memory; every later call fails with E_TRAINER_DISPOSED. */
  dispose(): void
}

/** Labelled images, row-major h·w·c bytes each, and the labels; see data/dataset.ts. */
export interface Samples {
  images: Uint8Array
  labels: Uint8Array
}

/** The data and model of one node's training. */
export interface TrainerSpec {
  model: ModelName
  inputShape: InputShape
  classes: number
  /** The node's samples are those at `indices`; labels may be any below `classes`. */
  train: Samples & { indices: Uint32Array }
  test: Samples
  nodeId: string | number
  seed: string | number
}
