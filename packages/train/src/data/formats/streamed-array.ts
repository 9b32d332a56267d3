/** Arrays of bytes that a reader gives piece by piece, in order: images and other records. */

import { checkWholeArray, MAX_ARRAY_BYTES } from '../limits.js'
import type { NumberArray, Numbers, NumberType } from './raw.js'

const ARRAYS: Readonly<Record<NumberType, new (length: number | SharedArrayBuffer) => Numbers>> = {
  uint8: Uint8Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
}
const BYTES: Readonly<Record<NumberType, number>> = { uint8: 1, int32: 4, float32: 4, float64: 8 }

/**
 * @param read - all bytes from the first on, row-major, some at a time; called for every pass. A piece may be overwritten
 * by the next
 */
export function streamedArray(
  file: string,
  name: string,
  shape: readonly number[],
  read: () => AsyncIterable<Uint8Array>,
): NumberArray {
  const count = shape.reduce((product, size) => product * size, 1)
  return {
    file,
    name,
    shape,
    type: 'uint8',
    async load(type, mostBytes = MAX_ARRAY_BYTES) {
      const bytes = count * BYTES[type]
      checkWholeArray(file, bytes, mostBytes, 'use a part of it (tempered data split)')
      const out = new ARRAYS[type](new SharedArrayBuffer(bytes))
      let at = 0
      for await (const piece of read()) {
        out.set(piece as Uint8Array & Numbers, at)
        at += piece.length
      }
      return out
    },
    async *pieces(type) {
      for await (const piece of read()) {
        if (type === 'uint8') {
          yield piece
          continue
        }
        const out = new ARRAYS[type](piece.length)
        out.set(piece as Uint8Array & Numbers)
        yield out
      }
    },
  }
}
