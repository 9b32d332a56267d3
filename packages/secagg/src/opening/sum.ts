/**
 * The sum of the accepted models, and nothing but the sum. Each member adds up its shares. Before anybody fetches such a vector its
 * holder says two numbers about it: its value, as a polynomial, at two points that nobody knew before the models were accepted. These
 * lie on polynomials too, so wrong ones are found without the vectors, and a vector that is fetched is checked against them.
 *
 * A wrong vector of d elements passes with a chance of at most (d/p)², 2⁻⁸² for a million.
 */

import { sha256 } from '@tempered/protocol'
import type { Held } from '../dealing/answer.js'
import type { FieldKernels } from '../field/kernels.js'
import { randomElement } from '../random/random-elements.js'
import { SecretStream } from '../random/secret-stream.js'
import { decode } from '../sharing/decode.js'
import { pointOf, type Scheme } from '../sharing/scheme.js'

const POINTS = 2

/** Points that follow from what the members have agreed on. `decision`: bytes that say which models are in the sum. */
export function sumPoints(decision: Uint8Array): bigint[] {
  const numbers = new SecretStream(sha256(decision), 'sum')
  return Array.from({ length: POINTS }, () => randomElement(numbers))
}

/**
 * A member's share of Σ_i a_i·x_i.
 *
 * @param held - what it holds of each dealer in the sum
 * @param weights - a_i, whole and above 0, in the same order
 */
export function sumShare(
  held: readonly Held[],
  weights: readonly number[],
  kernels: FieldKernels,
): BigUint64Array {
  const out = new BigUint64Array(held[0].elements.length)
  kernels.combine(
    weights.map(BigInt),
    held.map(({ elements }) => elements),
    out,
  )
  return out
}

/** What a member says about its share. */
export function sumValues(share: BigUint64Array, points: readonly bigint[], kernels: FieldKernels): bigint[] {
  return points.map((point) => kernels.evaluate(share, point))
}

export interface CheckedSum {
  /** Members who said something else than the others' values show, in order. */
  readonly liars: readonly number[]
  /** Whether a vector is the share of a member. */
  isShareOf(member: number, share: BigUint64Array, kernels: FieldKernels): boolean
  /** What the polynomial of the k-th point gives at any x: at the point of a secret, the value of that part of the sum. */
  valueAt(k: number, x: bigint): bigint
}

/**
 * @param said - by member: its values at the points
 * Throws SecaggError E_UNDECODABLE when too many are missing or wrong.
 */
export function checkSum(
  scheme: Scheme,
  said: ReadonlyMap<number, readonly bigint[]>,
  points: readonly bigint[],
): CheckedSum {
  const liars = new Set<number>()
  const members = [...said.keys()].sort((a, b) => a - b)
  const polynomials = points.map((_, k) => {
    const speaking = members.filter((member) => !liars.has(member))
    const values = speaking.map((member) => ({ x: pointOf(member), y: said.get(member)![k] }))
    const { at, wrong } = decode(values, scheme.openers, scheme.threshold)
    for (const place of wrong) liars.add(speaking[place])
    return at
  })
  return {
    liars: [...liars].sort((a, b) => a - b),
    valueAt: (k, x) => polynomials[k](x),
    isShareOf: (member, share, kernels) =>
      points.every((point, k) => kernels.evaluate(share, point) === polynomials[k](pointOf(member))),
  }
}
