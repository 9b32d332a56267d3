/** Messages between the network thread and the training thread. */

import type { BackendChoice, BackendInfo } from '../engine/choose-engine.js'
import type { TrainErrorData } from './train-error.js'
import type { EvaluateRequest, Evaluation, TrainerSpec, TrainRequest, TrainResult } from './trainer.js'

/** Passed to the worker at its start. */
export interface WorkerStart {
  backend: BackendChoice
  /** One shared int: a value other than 0 stops the running request. */
  stop: Int32Array
}

/**
 * Requests to the worker, one at a time. `parameters` is in shared memory: the worker reads it when a request begins
 * and writes it only when a training request has succeeded.
 */
export type WorkerRequest =
  | { kind: 'open'; id: number; trainer: number; spec: TrainerSpec; parameters: Float32Array }
  | { kind: 'train'; id: number; trainer: number; request: TrainRequest }
  | { kind: 'evaluate'; id: number; trainer: number; request: EvaluateRequest }
  | { kind: 'dispose'; id: number; trainer: number }

/** The reply to each kind of request. */
export interface WorkerResults {
  open: null
  train: TrainResult
  evaluate: Evaluation
  dispose: null
}

export type WorkerReply =
  | { kind: 'ready'; backend: BackendInfo }
  | { kind: 'failed'; error: TrainErrorData }
  | { kind: 'result'; id: number; value: WorkerResults[keyof WorkerResults] }
  | { kind: 'error'; id: number; error: TrainErrorData }
