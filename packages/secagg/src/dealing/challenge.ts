/**
 * What a dealing is tested with follows from its hashes, so that nobody can choose it and everybody knows it (Fiat and Shamir,
 * "How to prove yourself", CRYPTO 1986).
 */

import { sha256 } from '@tempered/protocol'
import { randomElement } from '../random/random-elements.js'
import { SecretStream } from '../random/secret-stream.js'
import { DEGREE_POINTS } from './parcel.js'

export interface Challenge {
  /** Points of the degree test. */
  readonly points: readonly bigint[]
  /** Factors of the test of shares of nothing, one per other member. */
  readonly factors: readonly bigint[]
  /** The signs of the range test, from the beginning. */
  signs(): SecretStream
}

/**
 * @param context - bytes that no other dealing has: run, round, group and dealer
 * @param parcels - SHA-256 of each member's parcel
 */
export function challengeOf(context: Uint8Array, parcels: readonly Uint8Array[]): Challenge {
  const seed = sha256(context, ...parcels)
  const numbers = new SecretStream(seed, 'numbers')
  const points = Array.from({ length: DEGREE_POINTS }, () => randomElement(numbers))
  const factors = parcels.slice(1).map(() => randomElement(numbers))
  return { points, factors, signs: () => new SecretStream(seed, 'signs') }
}

/** The hash of a parcel, of the SHA-256 of its two parts: the vector is hashed once, whatever masks are tried. */
export function parcelHash(vectorHash: Uint8Array, masksHash: Uint8Array): Uint8Array {
  return sha256(vectorHash, masksHash)
}
