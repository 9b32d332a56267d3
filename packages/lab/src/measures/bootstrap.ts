import { createRng } from '@tempered/robust-agg/rng'
import { isNumber, mean, quantile } from './statistics.js'

/**
 * Mean over seeds with a 95 % interval.
 *
 * Method: expanded percentile bootstrap of the mean (Hesterberg, "What Teachers Should Know About the Bootstrap", The
 * American Statistician 69(4), 2015). n values are drawn with replacement, `RESAMPLES` times; the interval runs from
 * the quantile α′ to 1 − α′ of the means, α′ = Φ(−√(n/(n−1)) · t), t the 97.5 % quantile of Student's t with n − 1
 * degrees of freedom. The plain percentile interval (α′ = 2.5 %) is too narrow for few values; this widens it as a t
 * interval would.
 *
 * Few seeds: below five, α′ is smaller than the probability that all draws are the smallest value, so the interval is
 * the range of the values themselves: a bootstrap cannot do better. One seed has no interval.
 *
 * The draws come from a seeded generator: the same values in the same order give the same interval everywhere.
 */
export const RESAMPLES = 10_000

/** Below this many values the interval is their range; see above. */
const FEWEST = 5

/** The method in one sentence, for reports. */
export const INTERVAL_METHOD =
  `Mean over seeds with a 95 % interval: expanded percentile bootstrap of the mean ` +
  `(Hesterberg 2015, ${RESAMPLES.toLocaleString('en')} resamples, seeded); with 2 to 4 seeds this is the range of the values, with one seed there is none.`

/** Name of the interval in brackets after a mean over `values` values. */
export function intervalName(values: number): string {
  return values < FEWEST ? `range of ${values} seeds` : '95 % interval'
}

export interface Estimate {
  readonly mean: number
  /** Ends of the 95 % interval, or of the range; see above. null with a single value. */
  readonly low: number | null
  readonly high: number | null
  /** Number of values that it was computed from, e.g. one per seed. */
  readonly values: readonly number[]
}

/** Estimate of the mean; null values are left out, and the result is null when none remain. */
export function estimate(measured: readonly (number | null)[]): Estimate | null {
  const values = measured.filter(isNumber)
  const centre = mean(values)
  if (centre === null) return null
  const n = values.length
  if (n === 1) return { mean: centre, low: null, high: null, values }
  if (n < FEWEST) return { mean: centre, low: Math.min(...values), high: Math.max(...values), values }
  const rng = createRng('bootstrap of the mean', n, RESAMPLES)
  const means = new Float64Array(RESAMPLES)
  for (let k = 0; k < RESAMPLES; k++) {
    let sum = 0
    for (let draw = 0; draw < n; draw++) sum += values[rng.integer(n)]!
    means[k] = sum / n
  }
  means.sort()
  const tail = expandedTail(n)
  return { mean: centre, low: quantile(means, tail), high: quantile(means, 1 - tail), values }
}

/** α′ for n ≥ 2 values: below 0.025, approaching it as n grows. */
export function expandedTail(n: number): number {
  return normalTail(Math.sqrt(n / (n - 1)) * studentQuantile(n - 1))
}

/** 97.5 % quantiles of Student's t with 1 to 10 degrees of freedom. */
const STUDENT = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281] as const

/**
 * 97.5 % quantile of Student's t; above 10 degrees of freedom by the expansion of Cornish and Fisher, accurate to
 * 0.002.
 */
function studentQuantile(degrees: number): number {
  const listed = STUDENT[degrees - 1]
  if (listed !== undefined) return listed
  const z = 1.959964
  const first = (z ** 3 + z) / 4
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96
  return z + first / degrees + second / degrees ** 2
}

/** P(Z > z) of the standard normal for z ≥ 0, by numerical integration of the density (Simpson, steps of 0.005 to z + 8). */
function normalTail(z: number): number {
  const step = 0.005
  const intervals = 1600
  let sum = 0
  for (let k = 0; k <= intervals; k++) {
    const x = z + k * step
    const weight = k === 0 || k === intervals ? 1 : k % 2 === 1 ? 4 : 2
    sum += weight * Math.exp((-x * x) / 2)
  }
  return (sum * step) / 3 / Math.sqrt(2 * Math.PI)
}
