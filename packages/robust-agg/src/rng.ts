/**
 * Seeded randomness: xoshiro128** (Blackman & Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018),
 * its 128-bit state drawn by splitmix32 from a 32-bit hash of the keys. Integer arithmetic only, so the same
 * keys give the same sequence on every machine. Not for cryptographic keys or salts.
 */

import { detExp, detLog } from './det-math.js'
import { RobustAggError } from './errors.js'

/**
 * One part of a stream's key: the run's seed first, then the purpose of the numbers, e.g. `[7, 'batches', 3, 12]`.
 */
export type RngKey = string | number

export interface Rng {
  /** The next 32 random bits as an integer in [0, 2³²). */
  nextUint32(): number
  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number
  /** Uniform integer in [0, bound), without modulo bias; `bound` is an integer in [1, 2³²], else E_PARAMETER_RANGE. */
  integer(bound: number): number
  /** Standard normal (mean 0, standard deviation 1), Marsaglia's polar method on deterministic arithmetic. */
  normal(): number
  /** Gamma with scale 1 and a shape in (0, 1e15] (Marsaglia & Tsang 2000); can be 0 for shapes below about 0.05. */
  gamma(shape: number): number
  /** Shuffles in place (Fisher–Yates) and returns its argument. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T
}

/** Above this shape the acceptance test of the gamma sampler runs out of precision. */
const MAX_SHAPE = 1e15

function rangeError(owner: string, parameter: string, value: number, range: string): RobustAggError {
  const message = `${owner}: '${parameter}' is ${value}, but must be ${range}.`
  return new RobustAggError('E_PARAMETER_RANGE', message, { owner, parameter, value, range })
}

/** FNV-1a over the UTF-16 code units of the keys, each followed by its length: no two lists collide by joining. */
function hashKeys(keys: readonly RngKey[]): [number, number] {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  const mix = (unit: number): void => {
    a = Math.imul(a ^ unit, 0x01000193)
    b = Math.imul((b ^ unit) + 0x9e3779b9, 0x85ebca6b)
    b ^= b >>> 13
  }
  for (const key of keys) {
    const text = typeof key === 'number' ? `#${key}` : `$${key}`
    for (let k = 0; k < text.length; k++) mix(text.charCodeAt(k))
    mix(text.length)
  }
  return [a >>> 0, b >>> 0]
}

/** A separate stream for each list of keys. */
export function createRng(...keys: readonly RngKey[]): Rng {
  const [first, second] = hashKeys(keys)
  let seedState = first
  const splitmix = (): number => {
    seedState = (seedState + 0x9e3779b9) | 0
    let z = seedState ^ second
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return (z ^ (z >>> 16)) >>> 0
  }
  let s0 = splitmix()
  let s1 = splitmix()
  let s2 = splitmix()
  let s3 = splitmix() | 1

  const nextUint32 = (): number => {
    const times5 = Math.imul(s1, 5)
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0
    const t = s1 << 9
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << 11) | (s3 >>> 21)
    return result
  }
  const uniform = (): number => ((nextUint32() >>> 5) * 67108864 + (nextUint32() >>> 6)) / 9007199254740992
  const integer = (bound: number): number => {
    if (!Number.isInteger(bound) || bound < 1 || bound > 4294967296) {
      throw rangeError('rng.integer', 'bound', bound, 'a whole number in [1, 2^32]')
    }
    const limit = 4294967296 - (4294967296 % bound)
    for (;;) {
      const x = nextUint32()
      if (x < limit) return x % bound
    }
  }
  let spare: number | undefined
  const normal = (): number => {
    if (spare !== undefined) {
      const value = spare
      spare = undefined
      return value
    }
    for (;;) {
      const u = 2 * uniform() - 1
      const v = 2 * uniform() - 1
      const q = u * u + v * v
      if (q > 0 && q < 1) {
        const factor = Math.sqrt((-2 * detLog(q)) / q)
        spare = v * factor
        return u * factor
      }
    }
  }
  const gamma = (shape: number): number => {
    if (!(shape > 0 && shape <= MAX_SHAPE))
      throw rangeError('rng.gamma', 'shape', shape, 'a number in (0, 1e15]')
    if (shape < 1) {
      // G(a) = G(a + 1) · U^(1/a), with the power taken in logarithms.
      const g = gamma(shape + 1)
      const u = Math.max(uniform(), Number.MIN_VALUE)
      return g * detExp(detLog(u) / shape)
    }
    const d = shape - 1 / 3
    const c = 1 / Math.sqrt(9 * d)
    for (;;) {
      const x = normal()
      const t = 1 + c * x
      if (t <= 0) continue
      const v = t * t * t
      const u = Math.max(uniform(), Number.MIN_VALUE)
      if (detLog(u) < 0.5 * x * x + d * (1 - v + detLog(v))) return d * v
    }
  }
  const shuffle = <T extends { length: number; [index: number]: unknown }>(items: T): T => {
    for (let k = items.length - 1; k > 0; k--) {
      const j = integer(k + 1)
      const held = items[k]
      items[k] = items[j]
      items[j] = held
    }
    return items
  }
  return { nextUint32, uniform, integer, normal, gamma, shuffle }
}

/**
 * Standard normal numbers (mean 0, standard deviation 1) into `out`, from a source of one's own: Marsaglia's polar method on
 * deterministic arithmetic. For noise that must be secret the source has to be a cryptographic one.
 *
 * @param uniform - the next number in [0, 1), with 53 random bits
 */
export function fillNormal(uniform: () => number, out: Float64Array): void {
  for (let k = 0; k < out.length; ) {
    const u = 2 * uniform() - 1
    const v = 2 * uniform() - 1
    const q = u * u + v * v
    if (!(q > 0 && q < 1)) continue
    const factor = Math.sqrt((-2 * detLog(q)) / q)
    out[k++] = u * factor
    if (k < out.length) out[k++] = v * factor
  }
}
