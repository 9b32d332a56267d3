import * as dagCbor from '@ipld/dag-cbor'
import { foreignText } from '@tempered/errors'
import { ProtocolError } from './errors.js'

/**
 * Canonical bytes: DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/), which fixes map order, integer widths and
 * float width, so that one value has one encoding. Decoding encodes again and compares, and so rejects every other
 * encoding of the same value.
 */
export function encodeCanonical(value: unknown): Uint8Array {
  return dagCbor.encode(value)
}

/**
 * Decodes bounded, canonical bytes. Throws E_TOO_LARGE, E_MALFORMED or E_NOT_CANONICAL; `what` names the document in
 * the message.
 */
export function decodeCanonical(bytes: Uint8Array, maxBytes: number, what: string): unknown {
  if (bytes.byteLength > maxBytes) {
    throw new ProtocolError(
      'E_TOO_LARGE',
      `${what}: ${bytes.byteLength} bytes, at most ${maxBytes} are allowed`,
      {
        byteLength: bytes.byteLength,
        maxBytes,
      },
    )
  }
  let value: unknown
  let again: Uint8Array
  try {
    value = dagCbor.decode(bytes)
    // Inside the try: a deeply nested value decodes but then overflows the stack of the encoder.
    again = encodeCanonical(value)
  } catch (cause) {
    throw new ProtocolError('E_MALFORMED', `${what}: not DAG-CBOR (${foreignText((cause as Error).message)})`)
  }
  if (!equalBytes(again, bytes)) {
    throw new ProtocolError('E_NOT_CANONICAL', `${what}: not the canonical encoding of its value`)
  }
  return value
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false
  for (let k = 0; k < a.byteLength; k++) if (a[k] !== b[k]) return false
  return true
}

/** Lexicographic order of byte strings: negative, 0 or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.byteLength, b.byteLength)
  for (let k = 0; k < common; k++) {
    const difference = a[k]! - b[k]!
    if (difference !== 0) return difference
  }
  return a.byteLength - b.byteLength
}

/** The byte strings one after the other. */
export function concatenated(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.byteLength
  }
  return all
}
