/**
 * Labels from the bias of the last layer. Under cross entropy over logits z = W·h + b
 *
 *   ∂L/∂b_c = (1/B)·Σ_k (p_k,c − [y_k = c])
 *
 * Symbols: B samples, p_k,c the probability that the model gives class c for sample k, y_k its label.
 * - B = 1: p_c is above 0 and below 1, so the one negative entry is that of the label. Exact, but for what float32 rounds away
 *   when the model is sure of the sample.
 * - B > 1: the count of class c is n_c = B·(p̄_c − ∂L/∂b_c), p̄_c the mean of p_k,c over the batch, which the attacker does not
 *   know. It takes the mean over samples of its own; the counts are then rounded to whole numbers that add up to B. Before training
 *   p hardly depends on the sample, and the counts are nearly right; later it does, and they are not.
 *
 * Sources: B = 1: Zhao, Mopuri, Bilen, "iDLG: Improved Deep Leakage from Gradients", 2020, arXiv 2001.02610. Counts: the idea of
 * Wainakh et al., "User-Level Label Leakage from Gradients in Federated Learning", PoPETs 2022, arXiv 2105.09369.
 * Deviations: the bias is used where they use the weights, and p̄ is computed from own samples.
 */

import { LabError } from '../errors.js'

/**
 * How many samples of each class a gradient was computed from.
 *
 * @param bias - gradient of the mean loss by the bias of the last layer, one number per class, finite
 * @param samples - B, a whole number from 1
 * @param probabilities - p̄, one per class, in [0, 1]
 * @returns whole numbers that add up to B, one per class
 * @throws LabError E_USAGE for lengths that differ, fewer than two classes, or a number of samples out of range
 */
export function recoverLabelCounts(
  bias: ArrayLike<number>,
  samples: number,
  probabilities: ArrayLike<number>,
): Uint32Array {
  const classes = bias.length
  if (classes < 2 || probabilities.length !== classes)
    throw new LabError(
      'E_USAGE',
      `a bias of ${classes} classes does not fit ${probabilities.length} probabilities; pass one per class, for two classes or more`,
    )
  if (!Number.isInteger(samples) || samples < 1)
    throw new LabError('E_USAGE', `the number of samples must be a whole number from 1, got ${samples}`)
  const gradient = Array.from(bias)
  if (samples === 1) {
    const label = gradient.reduce((best, value, c) => (value < (gradient[best] as number) ? c : best), 0)
    return Uint32Array.from(gradient, (_, c) => (c === label ? 1 : 0))
  }
  return wholeCounts(
    gradient.map((value, c) => samples * (probabilities[c]! - value)),
    samples,
  )
}

/**
 * The whole numbers with this sum that are nearest to `amounts`, by largest remainders. Negative amounts count as 0; all are
 * multiplied so that they add up to the sum before they are rounded.
 */
export function wholeCounts(amounts: readonly number[], sum: number): Uint32Array {
  const positive = amounts.map((amount) => Math.max(0, amount))
  const total = positive.reduce((a, b) => a + b, 0)
  const exact = positive.map((amount) => (total > 0 ? (amount * sum) / total : sum / amounts.length))
  const counts = Uint32Array.from(exact, Math.floor)
  const byRemainder = exact.map((_, c) => c).sort((a, b) => (exact[b]! % 1) - (exact[a]! % 1) || a - b)
  const missing = sum - counts.reduce((a, b) => a + b, 0)
  for (const c of byRemainder.slice(0, missing)) counts[c]! += 1
  return counts
}
