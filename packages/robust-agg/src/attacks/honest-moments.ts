/** Mean and deviation of the honest models, per coordinate, in float64 and in the order of the list. */

/**
 * μ[k], or the own model when there is no honest one.
 *
 * @returns a fresh array of own's length
 */
export function honestMean(honest: readonly Float32Array[], own: Float32Array): Float64Array {
  if (honest.length === 0) return Float64Array.from(own)
  const mean = new Float64Array(own.length)
  for (const x of honest) for (let k = 0; k < mean.length; k++) mean[k] += x[k]
  for (let k = 0; k < mean.length; k++) mean[k] /= honest.length
  return mean
}

/**
 * σ[k] of the population (the sum of squares divided by their number, not by one less); 0 for fewer than two.
 *
 * @returns a fresh array of the mean's length
 */
export function honestDeviation(honest: readonly Float32Array[], mean: Float64Array): Float64Array {
  const deviation = new Float64Array(mean.length)
  if (honest.length < 2) return deviation
  for (const x of honest) {
    for (let k = 0; k < mean.length; k++) {
      const difference = x[k] - mean[k]
      deviation[k] += difference * difference
    }
  }
  for (let k = 0; k < mean.length; k++) deviation[k] = Math.sqrt(deviation[k] / honest.length)
  return deviation
}
