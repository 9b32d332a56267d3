/**
 * Softmax cross entropy of a batch from its logits, in float64. The logits of a batch are a few hundred numbers: a
 * plain loop is faster than the eight tensor operations it replaces, and the same on every backend. Math.exp and
 * Math.log are the engine's (V8 has its own implementation, equal on all processors).
 */

/** log Σ exp(z + offset) of the `classes` logits of sample `k`; logits lie class by class: logits[c·batch + k]. */
function logSumExp(
  logits: Float32Array,
  offsets: Float64Array | undefined,
  classes: number,
  batch: number,
  k: number,
): number {
  let highest = Number.NEGATIVE_INFINITY
  for (let c = 0; c < classes; c++) {
    highest = Math.max(highest, (logits[c * batch + k] as number) + (offsets?.[c] ?? 0))
  }
  let sum = 0
  for (let c = 0; c < classes; c++) {
    sum += Math.exp((logits[c * batch + k] as number) + (offsets?.[c] ?? 0) - highest)
  }
  return highest + Math.log(sum)
}

/**
 * Returns the sum of the losses (nats) of a batch, and writes the derivative of scale · sum by the logits to
 * `gradient`. `logits` and `gradient` are classes × batch, row-major; `labels` has `batch` entries below `classes`;
 * `offsets` has one number per class that is added to its logits first (logit-adjustment.ts; zeros for none).
 */
export function crossEntropy(
  logits: Float32Array,
  offsets: Float64Array,
  labels: ArrayLike<number>,
  classes: number,
  batch: number,
  scale: number,
  gradient: Float32Array,
): number {
  let loss = 0
  for (let k = 0; k < batch; k++) {
    const total = logSumExp(logits, offsets, classes, batch, k)
    const label = labels[k] as number
    loss += total - ((logits[label * batch + k] as number) + (offsets[label] as number))
    for (let c = 0; c < classes; c++) {
      const probability = Math.exp((logits[c * batch + k] as number) + (offsets[c] as number) - total)
      gradient[c * batch + k] = scale * (probability - (c === label ? 1 : 0))
    }
  }
  return loss
}

/** Loss (nats) and predicted class (the first of equal logits; −1 when all are NaN) of sample `k`. */
export function scoreSample(
  logits: Float32Array,
  label: number,
  classes: number,
  batch: number,
  k: number,
): { loss: number; predicted: number } {
  let predicted = -1
  let highest = Number.NEGATIVE_INFINITY
  for (let c = 0; c < classes; c++) {
    const logit = logits[c * batch + k] as number
    if (logit > highest) {
      highest = logit
      predicted = c
    }
  }
  return {
    loss: logSumExp(logits, undefined, classes, batch, k) - (logits[label * batch + k] as number),
    predicted,
  }
}
