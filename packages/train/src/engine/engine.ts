/**
 * The interface of an engine: what computes forward and backward passes of a model. A program belongs to one model and
 * is used by one computation at a time; between computations it keeps nothing, so all nodes of a thread share it.
 */

import type { Model } from '../task/operation.js'

/**
 * What a program minimises, per sample. With outputs of shape [classes] or [positions, classes], label y and logits z:
 * - `cross-entropy`: −log softmax(z)_y, added over the positions and divided by their number; positions whose label is
 *   −1 do not count (a sample with no other has loss 0);
 * and with k outputs z and targets t, the mean over k of
 * - `binary-cross-entropy`: −t·log σ(z) − (1 − t)·log(1 − σ(z)), t in [0, 1];
 * - `squared`: (z − t)²;
 * - `absolute`: |z − t|;
 * - `huber`: ½(z − t)² where |z − t| ≤ 1, |z − t| − ½ elsewhere.
 */
export const LOSSES = ['cross-entropy', 'binary-cross-entropy', 'squared', 'absolute', 'huber'] as const
export type LossName = (typeof LOSSES)[number]

/**
 * How parameters move, from the gradient g of the batch's mean loss plus weightDecay·w, which `kind` defines:
 * - `sgd`: v ← momentum·v + g; w ← w − learningRate·v;
 * - `adam`: as in Kingma and Ba (ICLR 2015), with bias correction; with `decoupled` weight decay is applied to w
 *   directly, as in Loshchilov and Hutter (ICLR 2019), and not added to g.
 */
export type Optimiser =
  | { readonly kind: 'sgd'; readonly momentum: number; readonly weightDecay: number }
  | {
      readonly kind: 'adam'
      readonly beta1: number
      readonly beta2: number
      readonly epsilon: number
      readonly weightDecay: number
      readonly decoupled: boolean
    }

export interface StepOptions {
  readonly optimiser: Optimiser
  readonly learningRate: number
  /** Decides what dropout drops; an integer in [0, 2³²). Another one in each step. */
  readonly seed: number
  /** For `cross-entropy`: one number per class that is added to its logits before the loss. Default: none. */
  readonly offsets?: Float32Array | undefined
}

export interface Program {
  readonly model: Model
  readonly loss: LossName
  /**
   * Where to write the samples of the next call: batch × inputs, row-major, float32 or (tokens) int32. The view is
   * valid until the next call of `inputs` or `targets`.
   */
  inputs(batch: number): Float32Array | Int32Array
  /**
   * Writes float32 inputs that are given as bytes, instead of the caller: sample k of the batch is row `order[k]` of
   * `rows`, and each byte becomes the entry of its channel's table (byte j of a row is of channel j mod channels).
   * `tables` has 256 numbers for each channel. Without it, the caller writes `inputs`.
   */
  inputBytes?(rows: Uint8Array, order: Uint32Array, batch: number, tables: Float32Array): void
  /** Where to write their targets: for cross-entropy int32 batch × positions, else float32 batch × outputs. */
  targets(batch: number): Float32Array | Int32Array
  /** Begins a round: copies the parameters in and forgets the state of the optimiser. */
  load(parameters: Float32Array): void
  /** Copies the parameters out. */
  store(parameters: Float32Array): void
  /** One step on the samples that were written. Returns the sum of their losses before the step. */
  step(batch: number, options: StepOptions): number
  /** Outputs (logits) of the samples that were written: batch × outputs, row-major, valid until the next call. */
  forward(batch: number): Float32Array
  /** Sum of the losses of the last `forward`. */
  lossOf(batch: number): number
  /** One step along a gradient (length d, as in `gradient`) that the caller has changed; `step` on batches of its own. */
  descend(gradient: Float32Array, options: Pick<StepOptions, 'optimiser' | 'learningRate'>): void
  /** The gradient of the batch's mean loss. Returns the sum of the losses. */
  gradient(batch: number, options: Pick<StepOptions, 'seed' | 'offsets'>, out: Float32Array): number
}

export interface Engine {
  /** As logs and reports name it. */
  readonly name: string
  /** A program for batches of any size; programs of one engine share code and scratch memory. Throws TrainError. */
  compile(model: Model, loss: LossName): Program
  /** Runs a computation on programs of this engine when none of another engine runs that it would disturb. */
  run<T>(compute: () => T): Promise<T>
}
