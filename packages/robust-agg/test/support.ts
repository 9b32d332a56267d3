/** What several test files need. */

import type { Evaluator, RoundInput } from '../src/index.js'
import { createRng } from '../src/rng.js'

/** The bits of float32 values, for comparisons that distinguish −0 from +0 and different NaNs. */
export function bitsOf(x: Float32Array): number[] {
  return Array.from(new Uint32Array(x.buffer, x.byteOffset, x.length))
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

/** A round with neighbours close to the node's own model, no two distances equal. */
export function ordinaryRound(neighbours: number, d: number): RoundInput {
  return {
    own: cloud('own', d),
    neighbours: Array.from({ length: neighbours }, (_, j) => cloud(`neighbour ${j}`, d, 1, 0.02 * (j + 1))),
    round: 1,
    rounds: 10,
    evaluator: nearOnes,
  }
}

/** A loss whose minimum is a model of ones, instead of the node's own samples. */
export const nearOnes: Evaluator = {
  loss: (parameters) => parameters.reduce((sum, value) => sum + (value - 1) * (value - 1), 1) / 10,
}

export function norm(x: ArrayLike<number>): number {
  return Math.sqrt(Array.from(x).reduce((sum, value) => sum + value * value, 0))
}

export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return norm(Array.from(a).map((value, k) => value - b[k]))
}
