/**
 * Dealing a vector. A polynomial of degree below t + k is given by its k secrets and any t shares, so t members get a seed of
 * 32 bytes in place of a share; the others' shares follow. That saves t of n − 1 vectors.
 */

import type { FieldKernels } from '../field/kernels.js'
import { randomElements } from '../random/random-elements.js'
import { SEED_BYTES, SecretStream } from '../random/secret-stream.js'
import { lagrange } from './polynomial.js'
import { pointOf, type Scheme, secretPoint } from './scheme.js'

/** A member's share of a vector: the vector, or the seed that it follows from. */
export type VectorShare =
  | { readonly kind: 'elements'; readonly elements: BigUint64Array }
  | { readonly kind: 'seed'; readonly seed: Uint8Array }

/** The members that get a seed: the t that come after the dealer, in a circle. */
export function seededMembers({ members, threshold }: Scheme, dealer: number): number[] {
  return Array.from({ length: threshold }, (_, k) => (dealer + 1 + k) % members)
}

/** Elements of a share of a vector of d elements. */
export const shareLength = ({ packed }: Scheme, length: number): number => Math.ceil(length / packed)

/**
 * Shares of a vector, one per member.
 *
 * @param secret - d elements; those that are missing in the last of k pieces count as 0
 * @param dealer - the member that deals
 * @param random - secret
 */
export function dealVector(
  scheme: Scheme,
  secret: BigUint64Array,
  dealer: number,
  random: SecretStream,
  kernels: FieldKernels,
): VectorShare[] {
  const length = shareLength(scheme, secret.length)
  const pieces = Array.from({ length: scheme.packed }, (_, j) => piece(secret, j * length, length))
  const seeded = seededMembers(scheme, dealer)
  const seeds = seeded.map(() => random.bytes(SEED_BYTES))
  const known = [...pieces, ...seeds.map((seed) => elementsOfSeed(seed, length, kernels))]
  const points = [...pieces.map((_, j) => secretPoint(j)), ...seeded.map(pointOf)]
  return Array.from({ length: scheme.members }, (_, member): VectorShare => {
    const at = seeded.indexOf(member)
    if (at >= 0) return { kind: 'seed', seed: seeds[at] }
    const elements = new BigUint64Array(length)
    kernels.combine(lagrange(points, pointOf(member)), known, elements)
    return { kind: 'elements', elements }
  })
}

/** The share itself, whatever stands for it. */
export function elementsOf(share: VectorShare, length: number, kernels: FieldKernels): BigUint64Array {
  return share.kind === 'elements' ? share.elements : elementsOfSeed(share.seed, length, kernels)
}

/** A vector from the shares of the first t + k of these members, which must be right. */
export function openVector(
  scheme: Scheme,
  shares: ReadonlyMap<number, BigUint64Array>,
  length: number,
  kernels: FieldKernels,
): BigUint64Array {
  const used = [...shares].slice(0, scheme.openers)
  const points = used.map(([member]) => pointOf(member))
  const vectors = used.map(([, elements]) => elements)
  const size = shareLength(scheme, length)
  const all = new BigUint64Array(size * scheme.packed)
  for (let j = 0; j < scheme.packed; j++)
    kernels.combine(lagrange(points, secretPoint(j)), vectors, all.subarray(j * size, (j + 1) * size))
  return all.subarray(0, length)
}

function elementsOfSeed(seed: Uint8Array, length: number, kernels: FieldKernels): BigUint64Array {
  return randomElements(new SecretStream(seed, 'share'), length, kernels)
}

/** `length` elements from `first` on, followed by zeros where the vector ends. */
function piece(vector: BigUint64Array, first: number, length: number): BigUint64Array {
  const part = vector.subarray(first, first + length)
  if (part.length === length) return part
  const padded = new BigUint64Array(length)
  padded.set(part)
  return padded
}
