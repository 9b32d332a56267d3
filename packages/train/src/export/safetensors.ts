/** The safetensors format (huggingface/safetensors, README "Format"): a JSON header and the tensors, no code. */

import type { NamedTensor } from './torch-layout.js'

/**
 * A 64-bit little-endian length, a JSON header of that length filled up with spaces to a multiple of 8, then the
 * tensors, float32 little-endian, in order. `metadata` goes into `__metadata__`.
 */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt', ...metadata } }
  let offset = 0
  for (const { name, shape, data } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] }
    offset += data.byteLength
  }
  const json = Buffer.from(JSON.stringify(header), 'utf8')
  const length = Math.ceil(json.length / 8) * 8
  const out = Buffer.alloc(8 + length + offset, 0x20)
  out.writeBigUInt64LE(BigInt(length), 0)
  json.copy(out, 8)
  let at = 8 + length
  for (const { data } of tensors) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    at += data.byteLength
  }
  return out
}
