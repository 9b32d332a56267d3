/** Encoded samples before they are dealt to training and test. */

import type { Inputs, Targets } from '../dataset.js'
import { checkEncodedBytes } from '../limits.js'

type Encoded = Uint8Array | Int32Array | Float32Array
type EncodedType = 'uint8' | 'int32' | 'float32'

const ARRAYS: Readonly<Record<EncodedType, new (length: number | SharedArrayBuffer) => Encoded>> = {
  uint8: Uint8Array,
  int32: Int32Array,
  float32: Float32Array,
}

/** n × width numbers; what is gathered lies in shared memory. */
export interface SampleStore {
  readonly count: number
  readonly width: number
  readonly byteLength: number
  /** The samples of these numbers in this order, or all of them. */
  gather(order?: Uint32Array): Inputs & Targets
}

/** A store over numbers that are there already; all of them are given out without a copy. */
export function wholeStore(values: Encoded, count: number): SampleStore {
  const width = count === 0 ? 1 : values.length / count
  return {
    count,
    width,
    byteLength: values.byteLength,
    gather(order) {
      if (order === undefined) return values as Inputs & Targets
      const out = sharedLike(values, order.length * width)
      order.forEach((sample, k) => {
        out.set(values.subarray(sample * width, (sample + 1) * width), k * width)
      })
      return out as Inputs & Targets
    },
  }
}

function sharedLike(values: Encoded, length: number): Encoded {
  const Type = values.constructor as new (buffer: SharedArrayBuffer) => Encoded
  return new Type(new SharedArrayBuffer(length * values.BYTES_PER_ELEMENT))
}

const CHUNK_NUMBERS = 1 << 18

/**
 * A store that grows row by row, in chunks, so that nothing is copied until the samples are gathered. Throws
 * E_DATA_TOO_LARGE when it outgrows `limit` bytes.
 */
export class GrowingStore implements SampleStore {
  readonly width: number
  count = 0
  private readonly file: string
  private readonly limit: number | undefined
  private readonly create: (length: number) => Encoded
  private readonly perChunk: number
  private readonly chunks: Encoded[] = []

  constructor(file: string, type: EncodedType, width: number, limit?: number) {
    this.file = file
    this.width = width
    this.limit = limit
    this.create = (length) => new ARRAYS[type](length)
    this.perChunk = Math.max(1, Math.floor(CHUNK_NUMBERS / width))
  }

  get byteLength(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
  }

  /** Adds a sample of `width` numbers. */
  push(sample: ArrayLike<number>): void {
    const place = this.count % this.perChunk
    if (place === 0) {
      this.chunks.push(this.create(this.perChunk * this.width))
      checkEncodedBytes(this.file, this.byteLength, this.limit)
    }
    const chunk = this.chunks[this.chunks.length - 1] as Encoded
    chunk.set(sample, place * this.width)
    this.count++
  }

  gather(order: Uint32Array = Uint32Array.from({ length: this.count }, (_, k) => k)): Inputs & Targets {
    const { width, perChunk } = this
    const out = sharedLike(this.chunks[0] ?? this.create(0), order.length * width)
    order.forEach((sample, k) => {
      const chunk = this.chunks[Math.floor(sample / perChunk)] as Encoded
      const from = (sample % perChunk) * width
      out.set(chunk.subarray(from, from + width), k * width)
    })
    return out as Inputs & Targets
  }
}
