/**
 * Noise for differential privacy, and the shortening that bounds what it must hide.
 *
 *   u ← u·min(1, C/‖u‖₂) + N(0, (σ·C)²) per element
 *
 * Symbols: u an update, C the clip, σ the noise multiplier; normal numbers by Box and Muller's formula from 53 random bits each. They
 * are float64 numbers of a continuous distribution, so an attacker that knows the update to the last bit may tell some of their low
 * bits; the fixed-point encoding with its own random rounding follows, which hides what is below its unit.
 * Sources: Abadi et al., "Deep Learning with Differential Privacy", CCS 2016, algorithm 1; Mironov, "On Significance of the Least
 * Significant Bits for Differential Privacy", CCS 2012, on the limits of floating point.
 */

import type { SecretStream } from '../random/secret-stream.js'

/** Normal numbers with mean 0 and variance 1, into `out`. */
export function gaussians(stream: SecretStream, out: Float64Array): void {
  const pairs = Math.ceil(out.length / 2)
  const drawn = new DataView(stream.bytes(16 * pairs).buffer)
  const uniform = (at: number): number =>
    (drawn.getUint32(at, true) * 2 ** 21 + (drawn.getUint32(at + 4, true) >>> 11) + 0.5) / 2 ** 53
  for (let pair = 0; pair < pairs; pair++) {
    const radius = Math.sqrt(-2 * Math.log(uniform(16 * pair)))
    const angle = 2 * Math.PI * uniform(16 * pair + 8)
    out[2 * pair] = radius * Math.cos(angle)
    if (2 * pair + 1 < out.length) out[2 * pair + 1] = radius * Math.sin(angle)
  }
}

export interface Noise {
  /** C, above 0. */
  readonly clip: number
  /** σ, at least 0; of several members whose noise adds up each takes σ/√m. */
  readonly noiseMultiplier: number
}

/**
 * Shortens the update from `start` to `model` to the clip and adds noise, in place in `model`. Gives by what the update was
 * multiplied.
 *
 * @param start, model - length d, finite
 */
export function addNoise(
  start: Float32Array,
  model: Float32Array,
  { clip, noiseMultiplier }: Noise,
  stream: SecretStream,
): number {
  let square = 0
  for (let k = 0; k < model.length; k++) square += (model[k] - start[k]) ** 2
  const length = Math.sqrt(square)
  const shortened = length > clip ? clip / length : 1
  const noise = new Float64Array(model.length)
  if (noiseMultiplier > 0) gaussians(stream, noise)
  const deviation = noiseMultiplier * clip
  for (let k = 0; k < model.length; k++)
    model[k] = start[k] + (model[k] - start[k]) * shortened + deviation * noise[k]
  return shortened
}
