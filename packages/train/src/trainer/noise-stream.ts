/**
 * Random numbers that only the owner of a seed can know: the key stream of AES-256 in counter mode (NIST SP 800-38A). They
 * decide which samples are in a step and how a step is disturbed, so they must be neither predictable nor used twice: a
 * seed belongs to one round of one node.
 */

import { createCipheriv, createHash } from 'node:crypto'

export const NOISE_SEED_BYTES = 32
const IV_BYTES = 16
const CHUNK_BYTES = 65_536

/**
 * The next number in [0, 1), with 53 random bits, for each call.
 *
 * @param seed - 32 bytes, secret
 * @param purpose - streams of one seed for different purposes have nothing in common
 */
export function createNoiseStream(seed: Uint8Array, purpose: string): () => number {
  const iv = createHash('sha256').update(purpose).digest().subarray(0, IV_BYTES)
  const cipher = createCipheriv('aes-256-ctr', seed, iv)
  const zeros = new Uint8Array(CHUNK_BYTES)
  let chunk = Buffer.alloc(0)
  let at = 0
  return () => {
    if (at === chunk.length) {
      chunk = cipher.update(zeros)
      at = 0
    }
    const high = chunk.readUInt32LE(at) >>> 5
    const low = chunk.readUInt32LE(at + 4) >>> 6
    at += 8
    return (high * 2 ** 26 + low) / 2 ** 53
  }
}
