/**
 * The cheap way to a sum alone: each member adds masks to its vector that cancel in the sum, and one of its own that is taken off
 * afterwards. No distances can be opened, so nothing is filtered: a member can spoil the sum as far as its range allows.
 *
 *   y_i = x_i + PRG(b_i) + Σ_{j > i} PRG(s_ij) − Σ_{j < i} PRG(s_ij)
 *   Σ_i x_i = Σ_i (y_i − PRG(b_i)) − Σ_{i there, j missing} ±PRG(s_ij)
 *
 * Symbols: s_ij from the X25519 keys of i and j, so both know it; b_i a seed of i's own. Both keys and b_i are shared among the
 * members with a threshold before: of a member that delivers y_i the others open b_i, of one that is missing its key, never both.
 * Source: Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS 2017, section 4.
 */

import { x25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { negate } from '../field/field.js'
import type { FieldKernels } from '../field/kernels.js'
import { randomElements } from '../random/random-elements.js'
import { SecretStream } from '../random/secret-stream.js'

/** A member's keys of one round. */
export interface MaskKeys {
  /** X25519, 32 bytes. */
  readonly secret: Uint8Array
  readonly open: Uint8Array
}

/** What a dealer keeps to itself. */
export interface MaskSecrets {
  /** x_i: its encoded model, d elements. */
  readonly elements: BigUint64Array
  readonly keys: MaskKeys
  /** b_i: seed of its own mask, 32 bytes. */
  readonly own: Uint8Array
}

export function maskKeys(secret: Uint8Array): MaskKeys {
  return { secret, open: x25519.getPublicKey(secret) }
}

/**
 * s_ij, the same for both. `context`: bytes that no other round or group has. Throws when the other's key is one of the few
 * with which nothing is secret.
 */
export function pairSeed(
  { secret }: Pick<MaskKeys, 'secret'>,
  other: Uint8Array,
  context: Uint8Array,
): Uint8Array {
  return sha256(concatBytes(utf8ToBytes('tempered/mask/1'), context, x25519.getSharedSecret(secret, other)))
}

/** One mask, and whether it is added or subtracted. */
export interface Mask {
  readonly seed: Uint8Array
  readonly sign: 1 | -1
}

/** The masks of a member, by the seeds that it has in common with each other one; its own is added. */
export function masksOf(member: number, pairSeeds: ReadonlyMap<number, Uint8Array>, own: Uint8Array): Mask[] {
  const pairs = [...pairSeeds].map(([other, seed]): Mask => ({ seed, sign: other > member ? 1 : -1 }))
  return [...pairs, { seed: own, sign: 1 }]
}

/** vector + Σ sign·PRG(seed), as a new vector. */
export function addMasks(
  vector: BigUint64Array,
  masks: readonly Mask[],
  kernels: FieldKernels,
): BigUint64Array {
  const out = vector.slice()
  for (const { seed, sign } of masks) {
    const mask = randomElements(new SecretStream(seed, 'mask'), vector.length, kernels)
    kernels.combine([1n, sign === 1 ? 1n : negate(1n)], [out, mask], out)
  }
  return out
}

/** The same masks with the other sign: what takes them off again. */
export const undone = (masks: readonly Mask[]): Mask[] =>
  masks.map(({ seed, sign }) => ({ seed, sign: sign === 1 ? -1 : 1 }))
