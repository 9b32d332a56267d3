import { createHash } from 'node:crypto'
import { DAG_CBOR, equalBytes } from '@tempered/protocol'
import { varint } from 'multiformats'
import { CID } from 'multiformats/cid'

/**
 * What an append leaves at the end of a CAR file when it never completed. A crash leaves the beginning of a section.
 * After a power cut the file may have its new length while the bytes were never written: they read as zeros. Such an
 * append was never acknowledged, so nothing that depends on it was sent.
 */

/** Most bytes before the block in one of our sections: a length of 4 bytes and a CID of 36. */
const LONGEST_PREFIX_BYTES = 40

/** Fewer zeros than this may be the end of a genuine block. */
const LEAST_ZERO_BYTES = 16

/** Whether a file consists only of the beginning of its header, with or without zeros after it, or of nothing. */
export function isTornHeader(bytes: Uint8Array, header: Uint8Array): boolean {
  const { byteLength } = withoutZeros(bytes)
  return (
    byteLength < header.byteLength &&
    equalBytes(bytes.subarray(0, byteLength), header.subarray(0, byteLength))
  )
}

/**
 * Whether a section that extends past the end of the file is a torn append, that is, only the beginning of a section.
 * A damaged length looks similar, but then a whole block follows its CID, or there is no CID.
 */
export function isTornAppend(tail: Uint8Array): boolean {
  if (tail.byteLength < LONGEST_PREFIX_BYTES) return true
  for (let start = 1; start <= LONGEST_PREFIX_BYTES - 36; start++) {
    const cid = documentCidAt(tail, start)
    if (cid === undefined) continue
    const hash = createHash('sha256')
    for (let k = start + 36; k < tail.byteLength; k++) {
      hash.update(tail.subarray(k, k + 1))
      if (equalBytes(hash.copy().digest(), cid.multihash.digest)) return false
    }
    return true
  }
  return false
}

/**
 * Whether what follows the last good section is zeros, or the beginning of one section and then zeros. In a damaged
 * file further sections follow, or the block is there to its end.
 */
export function isUnwrittenAppend(tail: Uint8Array): boolean {
  const written = withoutZeros(tail)
  if (written.byteLength === 0) return tail.byteLength > 0
  if (tail.byteLength - written.byteLength < LEAST_ZERO_BYTES) return false
  if (written.byteLength < LONGEST_PREFIX_BYTES) return true
  const section = sectionBytes(written)
  // A block may end in zeros of its own: its hash decides.
  return written.byteLength + LEAST_ZERO_BYTES <= section && isTornAppend(tail.subarray(0, section))
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  let end = bytes.byteLength
  while (end > 0 && bytes[end - 1] === 0) end -= 1
  return bytes.subarray(0, end)
}

/** Bytes of the section that begins here, by its length; 0 if that is not a length. */
function sectionBytes(bytes: Uint8Array): number {
  try {
    const [length, prefix] = varint.decode(bytes)
    return prefix + length
  } catch {
    return 0
  }
}

function documentCidAt(bytes: Uint8Array, start: number): CID | undefined {
  try {
    const cid = CID.decode(bytes.subarray(start, start + 36))
    return cid.code === DAG_CBOR && cid.multihash.size === 32 ? cid : undefined
  } catch {
    return undefined
  }
}
