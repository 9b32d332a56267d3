/**
 * Random bytes from a seed that nobody else has: the key stream of ChaCha20 (RFC 8439), one nonce per purpose, so that
 * streams of one seed for different purposes have nothing in common. A stream has at most 2³² blocks of 64 bytes.
 */

import { chacha20 } from '@noble/ciphers/chacha.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'

export const SEED_BYTES = 32
const NONCE_BYTES = 12
const BLOCK_BYTES = 64

export class SecretStream {
  private readonly seed: Uint8Array
  private readonly nonce: Uint8Array
  private block = 0
  private rest: Uint8Array = new Uint8Array(0)

  /**
   * @param seed - 32 bytes
   * @param purpose - what the stream is for
   */
  constructor(seed: Uint8Array, purpose: string) {
    this.seed = seed
    this.nonce = sha256(utf8ToBytes(purpose)).subarray(0, NONCE_BYTES)
  }

  /** Overwrites `into` with the next bytes of the stream. */
  fill(into: Uint8Array): void {
    const kept = Math.min(this.rest.length, into.length)
    into.set(this.rest.subarray(0, kept))
    this.rest = this.rest.subarray(kept)
    const left = into.subarray(kept)
    const whole = left.length - (left.length % BLOCK_BYTES)
    if (whole > 0) this.write(left.subarray(0, whole))
    if (whole === left.length) return
    const last = new Uint8Array(BLOCK_BYTES)
    this.write(last)
    left.set(last.subarray(0, left.length - whole), whole)
    this.rest = last.subarray(left.length - whole)
  }

  /** The next bytes of the stream. */
  bytes(length: number): Uint8Array {
    const into = new Uint8Array(length)
    this.fill(into)
    return into
  }

  /** `into` is a whole number of blocks. */
  private write(into: Uint8Array): void {
    into.fill(0)
    chacha20(this.seed, this.nonce, into, into, this.block)
    this.block += into.length / BLOCK_BYTES
  }
}

/** A seed that follows from another one and from a purpose; knowing it says nothing about the other. */
export function derivedSeed(seed: Uint8Array, purpose: string): Uint8Array {
  return sha256(concatBytes(sha256(utf8ToBytes(purpose)), seed))
}
