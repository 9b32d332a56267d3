/**
 * Noise for differential privacy, and the shortening that bounds what it must hide.
 *
 *   u ← u·min(1, C/‖u‖₂) + N(0, (σ·C)²) per element
 *
 * Symbols: u an update, C the clip, σ the noise multiplier; normal numbers by the polar method from 53 random bits each, in arithmetic
 * that gives the same bits on every machine. They are float64 numbers that stand for a continuous distribution, so an attacker that
 * knows the update to the last bit may tell some of their low bits. Rounding the sum to float32 drops 29 of these bits, and the
 * fixed-point encoding of secure aggregation rounds once more, at random; neither is a proof.
 * Sources: Abadi et al., "Deep Learning with Differential Privacy", CCS 2016, algorithm 1; Mironov, "On Significance of the Least
 * Significant Bits for Differential Privacy", CCS 2012, on the limits of floating point.
 */

import { fillNormal } from '@tempered/robust-agg/rng'
import type { SecretStream } from '../random/secret-stream.js'

/** Bytes taken from the stream at a time. */
const CHUNK_BYTES = 4_096

/** Normal numbers with mean 0 and variance 1, into `out`. Reads the stream in whole chunks. */
export function gaussians(stream: SecretStream, out: Float64Array): void {
  const chunk = new DataView(new ArrayBuffer(CHUNK_BYTES))
  const bytes = new Uint8Array(chunk.buffer)
  let at = CHUNK_BYTES
  fillNormal(() => {
    if (at === CHUNK_BYTES) {
      stream.fill(bytes)
      at = 0
    }
    const high = chunk.getUint32(at, true) >>> 5
    const low = chunk.getUint32(at + 4, true) >>> 6
    at += 8
    return (high * 2 ** 26 + low) / 2 ** 53
  }, out)
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
