/**
 * How much differential privacy is spent: Rényi divergences of the subsampled Gaussian mechanism, added up over steps.
 *
 *   RDP_α(q, σ) = ln A_α/(α − 1),  A_α = Σ_{k=0..α} C(α, k)·(1 − q)^(α − k)·q^k·e^((k² − k)/(2σ²)) for whole α
 *   RDP_α(1, σ) = α/(2σ²) for any α > 1
 *   ε(δ) = min over α of  T·RDP_α + ln((α − 1)/α) − (ln δ + ln α)/(α − 1)
 *
 * Symbols: q the chance of a sample to be in a step; σ the standard deviation of the noise, in units of the largest length that
 * one sample can contribute; T steps. Neighbouring data sets differ by one sample that is there or not. Poisson sampling is
 * assumed; batches of a fixed size from a shuffled order are commonly accounted for in the same way, which is an approximation.
 * Range: 0 < q ≤ 1, σ > 0. Logarithms and exponentials are those of robust-agg, so that every machine gets the same bits and
 * ledgers can hold the result.
 * Sources: Mironov, Talwar, Zhang, "Rényi Differential Privacy of the Sampled Gaussian Mechanism", 2019, arXiv 1908.10530,
 * sections 3.2 and 3.3; conversion: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020,
 * arXiv 2004.00010, proposition 12.
 */

import { detExp, detLog } from '@tempered/robust-agg'
import { SecaggError } from '../errors.js'

export interface NoisyStep {
  /** q. */
  readonly samplingRate: number
  /** σ. */
  readonly noiseMultiplier: number
  /** T. */
  readonly steps: number
}

/** The α over which ε is minimised. */
const ORDERS = [
  ...Array.from({ length: 63 }, (_, k) => k + 2),
  ...[72, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 768, 1024],
]

export interface PrivacySpent {
  /** ε; infinite where there is no noise. */
  readonly epsilon: number
  /** The α that gives it. */
  readonly order: number
}

/**
 * ε of these steps together.
 *
 * @param delta - δ, in (0, 1): the chance that ε does not hold; below 1 over the number of samples
 * Throws SecaggError E_RANGE.
 */
export function privacySpent(steps: readonly NoisyStep[], delta: number): PrivacySpent {
  if (!(delta > 0 && delta < 1))
    throw new SecaggError('E_RANGE', `delta must be between 0 and 1, got ${delta}`)
  for (const step of steps) checkStep(step)
  let best: PrivacySpent = { epsilon: Number.POSITIVE_INFINITY, order: ORDERS[0] }
  const curves = steps.map(divergencesOf)
  for (const [k, order] of ORDERS.entries()) {
    const divergence = steps.reduce((sum, step, index) => sum + step.steps * curves[index][k], 0)
    const epsilon = divergence + log1p(-1 / order) - (detLog(delta) + detLog(order)) / (order - 1)
    if (epsilon < best.epsilon) best = { epsilon: Math.max(0, epsilon), order }
  }
  return best
}

/**
 * The least noise with which so many steps stay within ε, to 1 part in 10,000.
 *
 * @param epsilon - above 0
 * Throws SecaggError E_RANGE when no noise up to 10⁴ does.
 */
export function noiseFor(
  epsilon: number,
  delta: number,
  step: Pick<NoisyStep, 'samplingRate' | 'steps'>,
): number {
  const spent = (noiseMultiplier: number): number =>
    privacySpent([{ ...step, noiseMultiplier }], delta).epsilon
  let [low, high] = [1e-3, 1e4]
  if (!(epsilon > 0) || spent(high) > epsilon)
    throw new SecaggError('E_RANGE', `no noise keeps ${step.steps} steps within an epsilon of ${epsilon}`)
  while (high / low > 1.0001) {
    const middle = Math.sqrt(low * high)
    if (spent(middle) > epsilon) low = middle
    else high = middle
  }
  return high
}

function checkStep({ samplingRate, noiseMultiplier, steps }: NoisyStep): void {
  if (!(samplingRate > 0 && samplingRate <= 1))
    throw new SecaggError('E_RANGE', `the sampling rate must be above 0 and at most 1, got ${samplingRate}`)
  if (!(noiseMultiplier > 0))
    throw new SecaggError('E_RANGE', `the noise must be above 0, got ${noiseMultiplier}`)
  if (!Number.isInteger(steps) || steps < 0)
    throw new SecaggError('E_RANGE', `steps must be a whole number from 0, got ${steps}`)
}

/** Kinds of steps whose divergences are remembered: every round of a run asks for the same. */
const REMEMBERED = 64
const remembered = new Map<string, Float64Array>()

/** RDP_α of one step at each of `ORDERS`. */
function divergencesOf(step: NoisyStep): Float64Array {
  const key = `${step.samplingRate}/${step.noiseMultiplier}`
  const known = remembered.get(key)
  if (known !== undefined) return known
  const divergences = Float64Array.from(ORDERS, (order) => renyiDivergence(step, order))
  remembered.set(key, divergences)
  for (const oldest of remembered.keys()) {
    if (remembered.size <= REMEMBERED) break
    remembered.delete(oldest)
  }
  return divergences
}

/** RDP_α for whole α. */
function renyiDivergence({ samplingRate: q, noiseMultiplier: sigma }: NoisyStep, alpha: number): number {
  const scale = 1 / (2 * sigma * sigma)
  if (q === 1) return alpha * scale
  const [taken, left] = [detLog(q), log1p(-q)]
  // In logarithms: the terms are far beyond float64.
  let total = Number.NEGATIVE_INFINITY
  let binomial = 0
  for (let k = 0; k <= alpha; k++) {
    if (k > 0) binomial += detLog((alpha - k + 1) / k)
    const term = binomial + (alpha - k) * left + k * taken + (k * k - k) * scale
    total = logSum(total, term)
  }
  return Math.max(0, total) / (alpha - 1)
}

/** ln(1 + x) for x > −1, to the last few bits for small x too: the rounding of 1 + x is divided out. */
function log1p(x: number): number {
  const sum = 1 + x
  return sum === 1 ? x : (detLog(sum) * x) / (sum - 1)
}

/** ln(eᵃ + eᵇ). */
function logSum(a: number, b: number): number {
  const larger = Math.max(a, b)
  if (larger === Number.NEGATIVE_INFINITY) return larger
  return larger + log1p(detExp(Math.min(a, b) - larger))
}
