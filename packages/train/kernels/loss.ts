/** Losses: their sum in float64, and if `gradients` is not 0 the derivative of the mean by the outputs. */

import { exp4 } from './exponential'
import { expOfNegative, log } from './logarithm'

@inline
function at(base: usize, k: i32): usize {
  return base + (<usize>k << 2)
}

/**
 * Cross-entropy of `positions` rows of `classes` logits per sample, to which `offsets` (or 0) are added. Labels outside
 * [0, classes) do not count. `row`: scratch of `classes` floats, rounded up to 4.
 */
export function crossEntropy(
  samples: i32, positions: i32, classes: i32, logits: usize, labels: usize, offsets: usize, gradients: usize,
  row: usize,
): f64 {
  let loss: f64 = 0
  const bytes = <usize>classes << 2
  for (let sample = 0; sample < samples; sample++) {
    let counted = 0
    for (let p = 0; p < positions; p++) if (load<u32>(at(labels, p)) < <u32>classes) counted++
    let sum: f64 = 0
    for (let p = 0; p < positions; p++) {
      const label = load<i32>(labels)
      if (<u32>label < <u32>classes) {
        sum += crossEntropyRow(classes, logits, label, offsets, row)
        if (gradients != 0) softmaxGradient(classes, label, row, gradients, 1 / (<f64>counted * <f64>samples))
      } else if (gradients != 0) {
        memory.fill(gradients, 0, bytes)
      }
      logits += bytes
      labels += 4
      if (gradients != 0) gradients += bytes
    }
    if (counted > 0) loss += sum / <f64>counted
  }
  return loss
}

/** Σ of the last row's exponentials. */
let rowSum: f64 = 0

/** −log softmax(z)_label; leaves e^(z − max z) in `row`. */
function crossEntropyRow(classes: i32, logits: usize, label: i32, offsets: usize, row: usize): f64 {
  let largest: f32 = -Infinity
  for (let k = 0; k < classes; k++) {
    const z = offsets == 0 ? load<f32>(at(logits, k)) : load<f32>(at(logits, k)) + load<f32>(at(offsets, k))
    store<f32>(at(row, k), z)
    if (z > largest) largest = z
  }
  const own = <f64>load<f32>(at(row, label)) - <f64>largest
  rowSum = 0
  for (let k = 0; k < classes; k += 4) {
    v128.store(at(row, k), exp4(f32x4.sub(v128.load(at(row, k)), f32x4.splat(largest))))
  }
  for (let k = 0; k < classes; k++) rowSum += <f64>load<f32>(at(row, k))
  return log(rowSum) - own
}

function softmaxGradient(classes: i32, label: i32, row: usize, to: usize, share: f64): void {
  const scale = share / rowSum
  for (let k = 0; k < classes; k++) store<f32>(at(to, k), <f32>(<f64>load<f32>(at(row, k)) * scale))
  const own = load<f32>(at(row, label))
  store<f32>(at(to, label), <f32>((<f64>own - rowSum) * scale))
}

/** Codes of the other losses, as in LOSS_CODES of `src/engine/wasm/kernels.ts`. */
const BINARY: i32 = 0
const SQUARED: i32 = 1
const ABSOLUTE: i32 = 2

/** A loss of each output by itself, averaged over the `outputs` of a sample. */
export function elementLoss(
  code: i32, samples: i32, outputs: i32, values: usize, targets: usize, gradients: usize,
): f64 {
  let loss: f64 = 0
  const share = 1 / (<f64>samples * <f64>outputs)
  for (let sample = 0; sample < samples; sample++) {
    let sum: f64 = 0
    for (let k = 0; k < outputs; k++) {
      sum += lossOf(code, <f64>load<f32>(values), <f64>load<f32>(targets))
      if (gradients != 0) {
        store<f32>(gradients, <f32>(lossDerivative * share))
        gradients += 4
      }
      values += 4
      targets += 4
    }
    loss += sum / <f64>outputs
  }
  return loss
}

let lossDerivative: f64 = 0

/** The loss of one output; leaves its derivative in `lossDerivative`. */
function lossOf(code: i32, z: f64, t: f64): f64 {
  const error = z - t
  if (code == BINARY) {
    // −t·log σ(z) − (1 − t)·log(1 − σ(z)) = max(z, 0) − z·t + log(1 + e^−|z|)
    const e = expOfNegative(-abs(z))
    lossDerivative = (z < 0 ? e / (1 + e) : 1 / (1 + e)) - t
    return max(z, 0) - z * t + log(1 + e)
  }
  if (code == SQUARED) {
    lossDerivative = 2 * error
    return error * error
  }
  const size = abs(error)
  const sign: f64 = error > 0 ? 1 : error < 0 ? -1 : error
  if (code == ABSOLUTE) {
    lossDerivative = sign
    return size
  }
  lossDerivative = size <= 1 ? error : sign
  return size <= 1 ? 0.5 * error * error : size - 0.5
}
