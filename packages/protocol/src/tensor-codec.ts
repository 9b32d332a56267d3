import { ProtocolError } from './errors.js'

/**
 * Canonical bytes of a model: a 16-byte header, then the flat parameter vector as little-endian float32.
 * Header: "TMPM", version 1, dtype 1 (float32), two zero bytes, parameter count (uint32 LE), four zero bytes.
 * The header keeps the numbers aligned, so that they can be read in place.
 */
export const MODEL_HEADER_BYTES = 16
const MAGIC = [0x54, 0x4d, 0x50, 0x4d]
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Model bytes with a live view of the numbers inside them: writing to one changes the other. */
export interface ModelBuffer {
  readonly bytes: Uint8Array
  /** Length d. */
  readonly parameters: Float32Array
}

/** Fresh zeroed model bytes for `count` parameters, header written. */
export function allocateModel(count: number): ModelBuffer {
  return modelOver(new Uint8Array(MODEL_HEADER_BYTES + 4 * count), count)
}

/**
 * A model over memory of the caller, which must have exactly the length that `count` parameters need and be aligned
 * to 4. Writes the header; the numbers are whatever the memory contains. Throws E_MODEL_LENGTH.
 */
export function modelOver(bytes: Uint8Array, count: number): ModelBuffer {
  if (!LITTLE_ENDIAN)
    throw new ProtocolError('E_UNSUPPORTED_VERSION', 'big-endian machines are not supported')
  if (bytes.byteLength !== MODEL_HEADER_BYTES + 4 * count || bytes.byteOffset % 4 !== 0) {
    throw new ProtocolError(
      'E_MODEL_LENGTH',
      `${bytes.byteLength} bytes at offset ${bytes.byteOffset} cannot hold a model of ${count} parameters`,
    )
  }
  bytes.fill(0, 0, MODEL_HEADER_BYTES)
  bytes.set(MAGIC)
  bytes[4] = 1
  bytes[5] = 1
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(8, count, true)
  return { bytes, parameters: new Float32Array(bytes.buffer, bytes.byteOffset + MODEL_HEADER_BYTES, count) }
}

/** Model bytes of a parameter vector (one copy). */
export function encodeModel(parameters: Float32Array): Uint8Array {
  const model = allocateModel(parameters.length)
  model.parameters.set(parameters)
  return model.bytes
}

/**
 * The parameters inside model bytes, without a copy if the bytes are aligned to 4. Throws E_MODEL_LENGTH or
 * E_MODEL_HEADER. Does not check the numbers: see `firstNonFinite`.
 */
export function decodeModel(bytes: Uint8Array, expectedCount: number): Float32Array {
  const expectedBytes = MODEL_HEADER_BYTES + 4 * expectedCount
  if (bytes.byteLength !== expectedBytes) {
    throw new ProtocolError(
      'E_MODEL_LENGTH',
      `model: ${bytes.byteLength} bytes, expected ${expectedBytes} (${expectedCount} parameters)`,
    )
  }
  if (readModelHeader(bytes) !== expectedCount) throw badHeader()
  const start = bytes.byteOffset + MODEL_HEADER_BYTES
  if (start % 4 === 0) return new Float32Array(bytes.buffer, start, expectedCount)
  // A copy, also of a Buffer, whose slice() shares its memory.
  return new Float32Array(new Uint8Array(bytes.subarray(MODEL_HEADER_BYTES)).buffer, 0, expectedCount)
}

/** The parameter count in a header, the first `MODEL_HEADER_BYTES` of model bytes. Throws E_MODEL_HEADER. */
export function readModelHeader(bytes: Uint8Array): number {
  if (bytes.byteLength < MODEL_HEADER_BYTES) throw badHeader()
  const view = new DataView(bytes.buffer, bytes.byteOffset, MODEL_HEADER_BYTES)
  const headerOk =
    MAGIC.every((byte, k) => bytes[k] === byte) &&
    bytes[4] === 1 &&
    bytes[5] === 1 &&
    view.getUint16(6, true) === 0 &&
    view.getUint32(12, true) === 0
  if (!headerOk) throw badHeader()
  return view.getUint32(8, true)
}

const badHeader = (): ProtocolError =>
  new ProtocolError('E_MODEL_HEADER', 'model: not the header of a float32 model, version 1')

/** Index of the first NaN or infinity, or −1. Reads exponent bits only, so no value is slow. */
export function firstNonFinite(parameters: Float32Array): number {
  const words = new Uint32Array(parameters.buffer, parameters.byteOffset, parameters.length)
  for (let k = 0; k < words.length; k++) if ((words[k]! & 0x7f800000) === 0x7f800000) return k
  return -1
}
