/**
 * Losses of a batch from its outputs, in float64. The outputs of a batch are a few hundred or thousand numbers: a plain
 * loop is faster than the tensor operations it replaces, and the same on every backend. Math.exp and Math.log are the
 * JavaScript engine's (V8 has its own implementation, equal on all processors).
 */

import { volume } from '../../data/dataset.js'
import type { Model } from '../../task/operation.js'
import type { LossName } from '../engine.js'

export interface Loss {
  /** Numbers of a sample's target. */
  readonly targets: number
  /** Whether targets are labels (int32) rather than numbers. */
  readonly labels: boolean
  /**
   * Sum of the losses of a batch. `outputs`: batch × outputs, row-major; `targets`: batch × targets; `offsets`: one
   * number per class that is added to its logits first. Writes the derivative of scale · sum by the outputs to
   * `gradient`, if given.
   */
  sum(batch: number, outputs: Float32Array, targets: ArrayLike<number>, wanted?: LossGradient): number
}

export interface LossGradient {
  readonly offsets: Float32Array | undefined
  readonly scale: number
  /** batch × outputs. */
  readonly gradient: Float32Array
}

export function createLoss(model: Model, loss: LossName): Loss {
  const outputs = volume(model.output)
  if (loss !== 'cross-entropy') {
    return {
      targets: outputs,
      labels: false,
      sum: (batch, values, targets, wanted) =>
        elementLosses(ELEMENT_LOSSES[loss], batch, outputs, values, targets, wanted),
    }
  }
  const classes = model.output.at(-1) as number
  const positions = outputs / classes
  return {
    targets: positions,
    labels: true,
    sum: (batch, logits, labels, wanted) => crossEntropy(batch, positions, classes, logits, labels, wanted),
  }
}

function crossEntropy(
  batch: number,
  positions: number,
  classes: number,
  logits: Float32Array,
  labels: ArrayLike<number>,
  wanted: LossGradient | undefined,
): number {
  const offsets = wanted?.offsets ?? new Float32Array(classes)
  let loss = 0
  for (let first = 0; first < batch * positions; first += positions) {
    let counted = 0
    for (let p = first; p < first + positions; p++) if ((labels[p] as number) >= 0) counted++
    let sum = 0
    for (let p = first; p < first + positions; p++) {
      const label = labels[p] as number
      if (label < 0) continue
      const at = p * classes
      const total = logSumExp(logits, offsets, at, classes)
      sum += total - ((logits[at + label] as number) + (offsets[label] as number))
      if (wanted === undefined) continue
      softmaxGradient(logits, offsets, at, label, total, wanted.scale / counted, wanted.gradient)
    }
    if (counted > 0) loss += sum / counted
  }
  return loss
}

/** Writes scale · (softmax − one-hot of the label) of the logits from `at` on; `total`: their logSumExp. */
function softmaxGradient(
  logits: Float32Array,
  offsets: Float32Array,
  at: number,
  label: number,
  total: number,
  scale: number,
  gradient: Float32Array,
): void {
  for (let c = 0; c < offsets.length; c++) {
    const probability = Math.exp((logits[at + c] as number) + (offsets[c] as number) - total)
    gradient[at + c] = scale * (probability - (c === label ? 1 : 0))
  }
}

/** log Σ exp(z + offset) of the `classes` logits from `at` on. */
function logSumExp(logits: Float32Array, offsets: Float32Array, at: number, classes: number): number {
  let highest = Number.NEGATIVE_INFINITY
  for (let c = 0; c < classes; c++) {
    highest = Math.max(highest, (logits[at + c] as number) + (offsets[c] as number))
  }
  let sum = 0
  for (let c = 0; c < classes; c++) {
    sum += Math.exp((logits[at + c] as number) + (offsets[c] as number) - highest)
  }
  return highest + Math.log(sum)
}

/** Loss of one output z with target t, and its derivative by z. */
type ElementLoss = (z: number, t: number) => readonly [number, number]

const ELEMENT_LOSSES: Record<Exclude<LossName, 'cross-entropy'>, ElementLoss> = {
  'binary-cross-entropy': (z, t) => {
    const e = Math.exp(-Math.abs(z))
    return [Math.max(z, 0) - z * t + Math.log1p(e), (z < 0 ? e / (1 + e) : 1 / (1 + e)) - t]
  },
  squared: (z, t) => [(z - t) ** 2, 2 * (z - t)],
  absolute: (z, t) => [Math.abs(z - t), Math.sign(z - t)],
  huber: (z, t) => {
    const error = z - t
    return Math.abs(error) <= 1 ? [0.5 * error * error, error] : [Math.abs(error) - 0.5, Math.sign(error)]
  },
}

function elementLosses(
  element: ElementLoss,
  batch: number,
  outputs: number,
  values: Float32Array,
  targets: ArrayLike<number>,
  wanted: LossGradient | undefined,
): number {
  let loss = 0
  for (let k = 0; k < batch * outputs; k++) {
    const [own, derivative] = element(values[k] as number, targets[k] as number)
    loss += own / outputs
    if (wanted !== undefined) wanted.gradient[k] = (wanted.scale / outputs) * derivative
  }
  return loss
}
