/** Proof of work: a body with a `nonce` of 8 bytes whose SHA-256 is small. The signature follows and costs no work. */

import { encodeCanonical, equalBytes, sha256Of } from '@tempered/protocol'
import type { BlockBody } from './block.js'

export const NONCE_BYTES = 8
const HASHES = 1n << 256n

/** Whether one in `difficulty` hashes is as small as that of this body. */
export function hasWork(body: BlockBody, difficulty: number): boolean {
  return isSmall(sha256Of(encodeCanonical(body)), limitOf(difficulty))
}

/** The largest good hash, as 32 bytes. */
function limitOf(difficulty: number): Uint8Array {
  let left = HASHES / BigInt(difficulty) - 1n
  const bytes = new Uint8Array(32)
  for (let k = 31; k >= 0; k--) {
    bytes[k] = Number(left & 255n)
    left >>= 8n
  }
  return bytes
}

function isSmall(hash: Uint8Array, limit: Uint8Array): boolean {
  for (let k = 0; k < 32; k++) {
    const difference = hash[k]! - limit[k]!
    if (difference !== 0) return difference < 0
  }
  return true
}

export interface MiningRange {
  /** The first nonce. */
  readonly from: number
  /** How many to try, so that a caller can look up from time to time. */
  readonly tries: number
}

/** Looks for a nonce. Undefined when none of the range is good; `tries` is how many hashes it took. */
export function findNonce(
  body: BlockBody,
  difficulty: number,
  { from, tries }: MiningRange,
): { readonly body: BlockBody; readonly tries: number } | undefined {
  const limit = limitOf(difficulty)
  const { bytes, at } = withNonceAt(body)
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, NONCE_BYTES)
  for (let k = 0; k < tries; k++) {
    view.setBigUint64(0, BigInt(from + k))
    if (!isSmall(sha256Of(bytes), limit)) continue
    const nonce = bytes.slice(at, at + NONCE_BYTES)
    return { body: { ...body, proof: { ...body.proof, nonce } }, tries: k + 1 }
  }
  return undefined
}

/** The body's encoding and where its nonce is in it: the one place at which two nonces differ. */
function withNonceAt(body: BlockBody): { readonly bytes: Uint8Array; readonly at: number } {
  const encoded = (fill: number): Uint8Array =>
    encodeCanonical({ ...body, proof: { ...body.proof, nonce: new Uint8Array(NONCE_BYTES).fill(fill) } })
  const bytes = Uint8Array.from(encoded(0))
  const other = encoded(255)
  let at = 0
  while (equalBytes(bytes.subarray(at, at + 1), other.subarray(at, at + 1))) at += 1
  return { bytes, at }
}
