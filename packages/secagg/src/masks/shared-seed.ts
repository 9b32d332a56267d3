/** 32 secret bytes shared among members: five elements of up to 56 bits. */

import { SecaggError } from '../errors.js'
import { P } from '../field/field.js'
import { SEED_BYTES, type SecretStream } from '../random/secret-stream.js'
import { decode } from '../sharing/decode.js'
import { dealScalars } from '../sharing/scalars.js'
import { pointOf, type Scheme } from '../sharing/scheme.js'

/** Bytes per element: below p with one to spare. */
const PIECE = 7
const PIECES = Math.ceil(SEED_BYTES / PIECE)

/** Elements of a share of 32 bytes. */
export const SEED_ELEMENTS = PIECES

/** A member's share of 32 bytes: five elements. `scheme`: of one secret at a time. */
export function dealSeed(scheme: Scheme, seed: Uint8Array, random: SecretStream): bigint[][] {
  const pieces = Array.from({ length: PIECES }, (_, k) => {
    let value = 0n
    for (const byte of seed.subarray(k * PIECE, (k + 1) * PIECE)) value = (value << 8n) | BigInt(byte)
    return dealScalars(scheme, [value], random)
  })
  return Array.from({ length: scheme.members }, (_, member) => pieces.map((shares) => shares[member]))
}

/**
 * The bytes again, from what members say, of whom some may lie.
 *
 * @param shares - by member
 * @param mostLying - of those who say them; 0 where each share is known to be the one that was dealt
 * Throws SecaggError E_UNDECODABLE when too many are missing or wrong, or no 32 bytes were dealt.
 */
export function openSeed(
  scheme: Scheme,
  shares: ReadonlyMap<number, readonly bigint[]>,
  mostLying = scheme.threshold,
): { readonly seed: Uint8Array; readonly liars: readonly number[] } {
  const liars = new Set([...shares].flatMap(([member, said]) => (said.length === PIECES ? [] : [member])))
  const members = [...shares.keys()]
  const seed = new Uint8Array(SEED_BYTES)
  for (let k = 0; k < PIECES; k++) {
    const speaking = members.filter((member) => !liars.has(member))
    const points = speaking.map((member) => ({ x: pointOf(member), y: shares.get(member)![k] % P }))
    const { at, wrong } = decode(points, scheme.openers, mostLying)
    for (const place of wrong) liars.add(speaking[place])
    const length = Math.min(PIECE, SEED_BYTES - k * PIECE)
    let value = at(0n)
    if (value >> BigInt(8 * length) !== 0n)
      throw new SecaggError('E_UNDECODABLE', 'what was shared are no 32 bytes')
    for (let place = k * PIECE + length - 1; place >= k * PIECE; place--) {
      seed[place] = Number(value & 255n)
      value >>= 8n
    }
  }
  return { seed, liars: [...liars].sort((a, b) => a - b) }
}
