/**
 * The filter for models that come from outside, before any arithmetic on them. In place.
 *
 *   refuse NaN, ±Infinity and |x| ≥ 2⁶⁰;   |x| < 2⁻³⁸ and −0 become +0
 *
 * After it squares and their sums stay far inside float64 and float32 alike, and no value is denormal: arithmetic on
 * denormals is many times slower on common processors, which a Byzantine model could exploit.
 */

import { simdKernels } from './simd.js'

/** Float32 bits of 2⁶⁰ and 2⁻³⁸. */
const TOO_LARGE = (127 + 60) << 23
const SMALLEST = (127 - 38) << 23
const INFINITE = 0x7f800000

/** Why a model was refused, or `ok`; after a refusal small values may have been flushed already. */
export type IngressVerdict = 'ok' | 'not-finite' | 'too-large'

function plainLargestBits(x: Float32Array): number {
  const bits = new Int32Array(x.buffer, x.byteOffset, x.length)
  let most = 0
  for (let k = 0; k < bits.length; k++) {
    const size = bits[k] & 0x7fffffff
    if (size > most) most = size
    if (size < SMALLEST) bits[k] = 0
  }
  return most
}

function verdictOf(most: number): IngressVerdict {
  if (most >= INFINITE) return 'not-finite'
  return most >= TOO_LARGE ? 'too-large' : 'ok'
}

/** The readable specification of `filterIngress`. */
export function plainFilterIngress(x: Float32Array): IngressVerdict {
  return verdictOf(plainLargestBits(x))
}

/** Filters a model in place. */
export function filterIngress(x: Float32Array): IngressVerdict {
  const simd = x.length < 256 ? null : simdKernels()
  return simd === null ? plainFilterIngress(x) : verdictOf(simd.largestBits(x, true))
}
