import { LabError } from '../errors.js'

/** How a member trained in a round, as the manifest of a run says it to everybody. */
export interface LocalTraining {
  /** K: minibatch steps, a whole number from 1. */
  readonly steps: number
  /** Samples per step, a whole number from 1. */
  readonly batchSize: number
  /** η, above 0. */
  readonly learningRate: number
  /** m, in [0, 1). */
  readonly momentum: number
}

/**
 * The mean of the gradients of a member's steps, from the model before and after them.
 *
 *   v ← m·v + g_k, w ← w − η·v from v = 0:  w_K − w_0 = −η·Σ_k c_k·g_k,  c_k = (1 − m^(K−k+1))/(1 − m)
 *
 * Symbols: g_k the gradient of step k = 1 … K. The result is (w_0 − w_K)/(η·Σ_k c_k): the gradient itself for one step,
 * otherwise a mean in which earlier steps weigh more, of gradients at weights that move.
 *
 * @param start - w_0, the model before training, length d
 * @param trained - w_K, length d
 * @returns length d
 * @throws LabError E_USAGE for models of different length, or training that is out of range
 */
export function meanGradient(
  start: ArrayLike<number>,
  trained: ArrayLike<number>,
  { steps, learningRate, momentum }: LocalTraining,
): Float64Array {
  if (start.length !== trained.length)
    throw new LabError(
      'E_USAGE',
      `a model of ${trained.length} parameters cannot have begun as one of ${start.length}; pass both of the same task`,
    )
  if (!(Number.isInteger(steps) && steps >= 1 && learningRate > 0 && momentum >= 0 && momentum < 1))
    throw new LabError(
      'E_USAGE',
      `steps must be a whole number from 1, the learning rate above 0 and momentum in [0, 1); got ${steps}, ${learningRate}, ${momentum}`,
    )
  let weight = 0
  for (let k = 1; k <= steps; k++) weight += (1 - momentum ** k) / (1 - momentum)
  const unit = learningRate * weight
  return Float64Array.from(start, (before, k) => (before - (trained[k] as number)) / unit)
}
