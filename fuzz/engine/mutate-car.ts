import { documentCid } from '@tempered/protocol'
import { mutateBytes } from './mutate-bytes.js'
import type { Mutator } from './mutator.js'

/** Lengths of up to 4 bytes, 7 bits each, the lowest first. */
function lengthAt(bytes: Uint8Array, at: number): { length: number; width: number } | undefined {
  let length = 0
  for (let width = 1; width <= 4; width++) {
    const byte = bytes[at + width - 1]
    if (byte === undefined) return undefined
    length |= (byte & 0x7f) << (7 * (width - 1))
    if (byte < 0x80) return { length, width }
  }
  return undefined
}

function withLength(bytes: Uint8Array): Uint8Array {
  const prefix: number[] = []
  for (let left = bytes.byteLength; ; left >>>= 7) {
    prefix.push(left > 0x7f ? (left & 0x7f) | 0x80 : left)
    if (left <= 0x7f) break
  }
  return Buffer.concat([Uint8Array.from(prefix), bytes])
}

/** Header and sections without their lengths; undefined for what is no CAR file. */
function partsOf(file: Uint8Array): Uint8Array[] | undefined {
  const parts: Uint8Array[] = []
  for (let at = 0; at < file.byteLength; ) {
    const found = lengthAt(file, at)
    if (found === undefined || at + found.width + found.length > file.byteLength) return undefined
    parts.push(file.slice(at + found.width, at + found.width + found.length))
    at += found.width + found.length
  }
  return parts.length > 0 ? parts : undefined
}

/** A CIDv1 of DAG-CBOR with SHA-256. */
const CID_BYTES = 36

/** Gives a section the CID of its bytes, in all links to it too, whose own sections change with that. */
function rehash(parts: Uint8Array[], at: number, depth: number): void {
  const old = Buffer.from(parts[at]!.subarray(0, CID_BYTES))
  const bytes = parts[at]!.subarray(CID_BYTES)
  const cid = documentCid(bytes).bytes
  parts[at] = Buffer.concat([cid, bytes])
  for (const [k, part] of parts.entries()) {
    const found = Buffer.from(part).indexOf(old, k === 0 ? 0 : CID_BYTES)
    if (k === at || found < 0) continue
    parts[k] = Buffer.concat([part.subarray(0, found), cid, part.subarray(found + CID_BYTES)])
    if (k > 0 && depth > 0) rehash(parts, k, depth - 1)
  }
}

/** Changes of the documents in a CAR file, most of them with a hash that fits again; sections lost, repeated, moved. */
export function mutateCar(inner: Mutator): Mutator {
  return (input, random, other) => {
    const parts = partsOf(input)
    if (parts === undefined || random.chance(0.25)) return mutateBytes(input, random, other)
    const at = random.below(parts.length)
    const donor = (): Uint8Array => random.pick(partsOf(other()) ?? parts)
    switch (random.below(9)) {
      case 0:
        parts.splice(at, 1)
        break
      case 1:
        parts.splice(at, 0, parts[at]!)
        break
      case 2:
        parts.push(parts.splice(at, 1)[0]!)
        break
      case 3:
        parts.splice(at, 0, donor())
        break
      case 4:
        parts[at] = mutateBytes(parts[at]!, random, donor)
        break
      default: {
        const bytes = inner(parts[at]!.slice(at === 0 ? 0 : CID_BYTES), random, () =>
          donor().slice(CID_BYTES),
        )
        if (at === 0) parts[0] = bytes
        else {
          parts[at] = Buffer.concat([parts[at]!.subarray(0, CID_BYTES), bytes])
          if (random.chance(0.9)) rehash(parts, at, 4)
        }
      }
    }
    return Buffer.concat(parts.map(withLength))
  }
}
