import { decodeCanonical, encodeCanonical, equalBytes } from '@tempered/protocol'
import { varint } from 'multiformats'
import { CID } from 'multiformats/cid'

/**
 * CARv1 framing (https://ipld.io/specs/transport/car/carv1/): a header that names the root, then sections of
 * varint(length) ‖ CID ‖ block. Ledgers are CAR files, so stock IPFS tools read them. Strict: every value has one
 * encoding, so that a check covers every bit of a file.
 */

/** One block with the position of its section in the file. */
export interface CarSection {
  readonly cid: CID
  readonly bytes: Uint8Array
  /** Offset of the section's first byte, and of the byte after its last. */
  readonly start: number
  readonly end: number
}

/** Why the bytes at `offset` are not a complete, valid section. */
export class CarError extends Error {
  override readonly name = 'CarError'
  readonly code = 'E_CAR'
  readonly offset: number
  /** True when the bytes only end too early, as after a crash during an append. */
  readonly truncated: boolean

  constructor(message: string, offset: number, truncated: boolean) {
    super(`byte ${offset}: ${message}`)
    this.offset = offset
    this.truncated = truncated
  }
}

export function encodeCarHeader(root: CID): Uint8Array {
  return frame(encodeCanonical({ roots: [root], version: 1 }))
}

export function encodeCarSection(cid: CID, bytes: Uint8Array): Uint8Array {
  return frame(cid.bytes, bytes)
}

function frame(...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
  const prefix = varint.encodingLength(length)
  const all = new Uint8Array(prefix + length)
  varint.encodeTo(length, all)
  let offset = prefix
  for (const part of parts) {
    all.set(part, offset)
    offset += part.byteLength
  }
  return all
}

/** Longest varint that a length below 2²⁸ needs. */
const MAX_VARINT_BYTES = 4

/** Reads `length` bytes at `offset`; fewer only at the end of the file. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>

async function readFrame(
  readAt: ReadAt,
  offset: number,
  maxBytes: number,
): Promise<{ body: Uint8Array; end: number }> {
  const head = await readAt(offset, MAX_VARINT_BYTES)
  let prefix = 0
  while (prefix < head.byteLength && (head[prefix]! & 0x80) !== 0) prefix += 1
  if (prefix === MAX_VARINT_BYTES) throw new CarError('a length of over 4 bytes', offset, false)
  if (prefix >= head.byteLength) throw new CarError('the file ends inside a length', offset, true)
  // The last byte has the highest bits: zero there means that a shorter form exists.
  if (head[prefix] === 0) {
    throw new CarError('a length of zero or not in its shortest form', offset, false)
  }
  const [length] = varint.decode(head)
  if (length > maxBytes)
    throw new CarError(`a block of ${length} bytes, at most ${maxBytes} are allowed`, offset, false)
  const body = await readAt(offset + prefix + 1, length)
  if (body.byteLength < length)
    throw new CarError(`the file ends inside a block of ${length} bytes`, offset, true)
  return { body, end: offset + prefix + 1 + length }
}

/** The root of a CAR file and the offset of its first section. Throws CarError. */
export async function readCarHeader(readAt: ReadAt): Promise<{ root: CID; end: number }> {
  const { body, end } = await readFrame(readAt, 0, 256)
  let root: CID | null = null
  try {
    const value = decodeCanonical(body, 256, 'CAR header') as { roots?: unknown[] }
    root = CID.asCID(value.roots?.[0])
  } catch {
    // Falls through: whatever is wrong, we did not write this header.
  }
  if (root === null || !equalBytes(encodeCanonical({ roots: [root], version: 1 }), body)) {
    throw new CarError('not the header of a CARv1 file with one root', 0, false)
  }
  return { root, end }
}

/** The section at `offset`. Checks framing only; the caller compares the CID with the hash. Throws CarError. */
export async function readCarSection(readAt: ReadAt, offset: number, maxBytes: number): Promise<CarSection> {
  const { body, end } = await readFrame(readAt, offset, maxBytes + 64)
  try {
    const [cid, bytes] = CID.decodeFirst(body)
    if (equalBytes(cid.bytes, body.subarray(0, cid.bytes.byteLength)))
      return { cid, bytes, start: offset, end }
  } catch {
    // Falls through.
  }
  throw new CarError('a section that does not begin with a CID', offset, false)
}
