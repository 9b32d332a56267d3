/** What several test files need. */

import { expect } from 'vitest'
import type { Evaluator, RoundInput } from '../src/index.js'
import { createRng } from '../src/rng.js'

/** The bits of float32 values, for comparisons that tell −0 from +0 and one NaN from another. */
export function bitsOf(x: Float32Array): number[] {
  return Array.from(new Uint32Array(x.buffer, x.byteOffset, x.length))
}

/** Equal bit for bit: what `expect(bitsOf(a)).toEqual(bitsOf(b))` says, in much less time for long vectors. */
export function expectSameBits(a: Float32Array, b: Float32Array): void {
  const bytesOf = (x: Float32Array) => Buffer.from(x.buffer, x.byteOffset, x.byteLength)
  if (!bytesOf(a).equals(bytesOf(b))) expect(bitsOf(a)).toEqual(bitsOf(b))
}

/** How many float64 numbers lie between two, 0 when equal (+0 and −0 included). */
export function ulpsBetween(a: number, b: number): number {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0
  const view = new DataView(new ArrayBuffer(16))
  view.setFloat64(0, a)
  view.setFloat64(8, b)
  const order = (bits: bigint): bigint => (bits < 0n ? -(bits & 0x7fffffffffffffffn) : bits)
  const distance = order(view.getBigInt64(0)) - order(view.getBigInt64(8))
  return Number(distance < 0n ? -distance : distance)
}

/** A vector of normal numbers around a centre. */
export function cloud(name: string, d: number, centre = 1, spread = 0.1): Float32Array {
  const rng = createRng('test', name)
  return Float32Array.from({ length: d }, () => centre + spread * rng.normal())
}

/** A round with neighbours close to the own model, no two distances equal. */
export function ordinaryRound(neighbours: number, d: number): RoundInput {
  return {
    own: cloud('own', d),
    neighbours: Array.from({ length: neighbours }, (_, j) => cloud(`neighbour ${j}`, d, 1, 0.02 * (j + 1))),
    round: 1,
    rounds: 10,
    evaluator: nearOnes,
  }
}

/** A loss that a model of ones does best at; a stand-in for own samples. */
export const nearOnes: Evaluator = {
  loss: (parameters) => parameters.reduce((sum, value) => sum + (value - 1) * (value - 1), 1) / 10,
}

export function norm(x: ArrayLike<number>): number {
  let sum = 0
  for (let k = 0; k < x.length; k++) sum += x[k] * x[k]
  return Math.sqrt(sum)
}

export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) {
    const difference = a[k] - b[k]
    sum += difference * difference
  }
  return Math.sqrt(sum)
}
