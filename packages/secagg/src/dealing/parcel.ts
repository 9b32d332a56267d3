/**
 * What a dealer gives to one member, as bytes: its share of the vector, or the seed of it, and its shares of the masks. Numbers
 * are little-endian, of 8 bytes.
 */

import { SecaggError } from '../errors.js'
import { ELEMENT_BYTES, P } from '../field/field.js'
import { SEED_BYTES } from '../random/secret-stream.js'
import type { VectorShare } from '../sharing/deal.js'

/** A member's shares of everything in a dealing but the vector. */
export interface MaskShares {
  /** Of the masks of the degree test. */
  readonly degree: readonly bigint[]
  /** Of the masks of the range test, one per row. */
  readonly range: readonly bigint[]
  /** Of nothing, one per other member: they hide all of an opened distance but its value. */
  readonly nothing: readonly bigint[]
  /** Of nothing, for the test of those. */
  readonly nothingMask: bigint
}

/** Points at which a share is evaluated in the degree test. */
export const DEGREE_POINTS = 2

export interface ParcelShape {
  /** n. */
  readonly members: number
  readonly rows: number
}

/** Bytes of the masks in a parcel. */
export const maskBytes = ({ members, rows }: ParcelShape): number =>
  ELEMENT_BYTES * (DEGREE_POINTS + rows + members - 1 + 1)

export function encodeMasks({ degree, range, nothing, nothingMask }: MaskShares): Uint8Array {
  return bytesOf([...degree, ...range, ...nothing, nothingMask])
}

/** Throws SecaggError E_SHARE_SHAPE for bytes of another length, or numbers that are no elements. */
export function decodeMasks(bytes: Uint8Array, shape: ParcelShape): MaskShares {
  if (bytes.length !== maskBytes(shape))
    throw new SecaggError('E_SHARE_SHAPE', `${bytes.length} bytes of masks, where ${maskBytes(shape)} belong`)
  const all = Array.from(elementsIn(bytes))
  const range = DEGREE_POINTS + shape.rows
  return {
    degree: all.slice(0, DEGREE_POINTS),
    range: all.slice(DEGREE_POINTS, range),
    nothing: all.slice(range, -1),
    nothingMask: all[all.length - 1],
  }
}

/** The seed of 32 bytes, or the elements. */
export function encodeVectorShare(share: VectorShare): Uint8Array {
  if (share.kind === 'seed') return share.seed
  const { buffer, byteOffset, byteLength } = share.elements
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/**
 * @param length - elements of the share; 0 for a seed
 * Throws SecaggError E_SHARE_SHAPE.
 */
export function decodeVectorShare(bytes: Uint8Array, length: number): VectorShare {
  const due = length === 0 ? SEED_BYTES : length * ELEMENT_BYTES
  if (bytes.length !== due)
    throw new SecaggError('E_SHARE_SHAPE', `${bytes.length} bytes of a share, where ${due} belong`)
  return length === 0 ? { kind: 'seed', seed: bytes } : { kind: 'elements', elements: elementsIn(bytes) }
}

/** Throws SecaggError E_SHARE_SHAPE for a number that is no element. */
export function elementsIn(bytes: Uint8Array): BigUint64Array {
  const isAligned = bytes.byteOffset % ELEMENT_BYTES === 0
  // A copy, also of a Buffer, whose slice() shares its memory.
  const own = isAligned ? bytes : new Uint8Array(bytes)
  const elements = new BigUint64Array(own.buffer, own.byteOffset, own.byteLength / ELEMENT_BYTES)
  const at = elements.findIndex((element) => element >= P)
  if (at >= 0) throw new SecaggError('E_SHARE_SHAPE', `number ${at} of a share is not below 2⁶¹ − 1`)
  return elements
}

export function bytesOf(elements: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(elements).buffer)
}
