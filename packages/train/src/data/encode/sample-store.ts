/** Encoded samples before they are dealt to training and test. */

import type { Inputs } from '../dataset.js'
import { ROW_TYPES, type RowNumbers, type RowType } from '../row-file.js'
import type { SampleSpace } from './sample-space.js'

/** n × width numbers. */
export interface SampleStore<T = Inputs> {
  readonly count: number
  readonly width: number
  /** The samples of each order, which must ascend, in shared memory or in a file; the store is used up. */
  deal(orders: readonly Uint32Array[]): T[]
  /** All samples in their order; the store is used up. */
  all(): T
}

/** A store in memory. */
export interface ArrayStore extends SampleStore<RowNumbers> {
  /** All numbers, which the store keeps. */
  peek(): RowNumbers
}

/** A store over numbers that are there already; all of them are given out without a copy. */
export function wholeStore(values: RowNumbers, count: number): ArrayStore {
  const width = count === 0 ? 1 : values.length / count
  return {
    count,
    width,
    peek: () => values,
    all: () => values,
    deal: (orders) =>
      orders.map((order) => {
        const out = sharedNumbers(values.constructor as NumbersType, order.length * width)
        order.forEach((sample, k) => {
          if (width === 1) out[k] = values[sample] as number
          else out.set(values.subarray(sample * width, (sample + 1) * width), k * width)
        })
        return out
      }),
  }
}

type NumbersType = new (buffer: SharedArrayBuffer) => RowNumbers

function sharedNumbers(Type: NumbersType, length: number): RowNumbers {
  const bytes = (Type as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT
  return new Type(new SharedArrayBuffer(length * bytes))
}

/** A store in the file of a {@link SampleSpace}. Only one is written at a time. */
export class FileStore implements SampleStore {
  readonly width: number
  private readonly space: SampleSpace
  private readonly type: RowType
  private offset = 0
  private length = 0

  constructor(space: SampleSpace, type: RowType, width: number) {
    this.space = space
    this.type = type
    this.width = width
  }

  get count(): number {
    return this.length / this.width
  }

  /** Adds numbers, row-major; rows may be divided between calls. Throws E_DATA_DISK. */
  async append(numbers: RowNumbers): Promise<void> {
    const { offset } = await (await this.space.open()).append(numbers)
    if (this.length === 0) this.offset = offset
    this.length += numbers.length
  }

  all(): Inputs {
    return this.rows(this.length, undefined)
  }

  deal(orders: readonly Uint32Array[]): Inputs[] {
    return orders.map((order) => this.rows(order.length * this.width, order))
  }

  private rows(length: number, order: Uint32Array | undefined): Inputs {
    const { type, width, offset } = this
    const path = this.space.file?.path ?? ''
    const byteLength = length * ROW_TYPES[type].BYTES_PER_ELEMENT
    return { path, offset, type, width, length, byteLength, order, fileBytes: 0, modifiedMs: 0 }
  }
}

/** Numbers per chunk: a million bytes, or less where the space is small. */
const MOST_CHUNK_NUMBERS = 1 << 18
const LEAST_CHUNK_NUMBERS = 256
/** Chunks that wait until they are written to a file. */
const MOST_WAITING = 4

/**
 * Inputs or targets that grow row by row, in chunks, so that nothing is copied until they are dealt. Inputs that exceed
 * the space go to its file.
 */
export class GrowingStore implements ArrayStore, SampleStore<RowNumbers> {
  readonly width: number
  count = 0
  private readonly space: SampleSpace
  private readonly type: RowType
  private readonly perChunk: number
  private chunks: (RowNumbers | undefined)[] = []
  private file: FileStore | undefined

  constructor(space: SampleSpace, type: RowType, width: number) {
    this.space = space
    this.type = type
    this.width = width
    const numbers = Math.max(LEAST_CHUNK_NUMBERS, Math.min(MOST_CHUNK_NUMBERS, space.limit / 32))
    this.perChunk = Math.max(1, Math.floor(numbers / width))
  }

  /** Adds a sample of `width` numbers. */
  push(sample: ArrayLike<number>): void {
    const place = this.count % this.perChunk
    if (place === 0) {
      const chunk = new ROW_TYPES[this.type](this.perChunk * this.width)
      this.chunks.push(chunk)
      this.space.take(chunk.byteLength)
    }
    const chunk = this.chunks[this.chunks.length - 1] as RowNumbers
    chunk.set(sample, place * this.width)
    this.count++
  }

  /** Bytes in memory. */
  get byteLength(): number {
    return this.chunks.reduce((sum, chunk) => sum + (chunk?.byteLength ?? 0), 0)
  }

  /** Whether {@link relieve} is due. */
  get pressing(): boolean {
    return this.file === undefined ? !this.space.fits(0) : this.chunks.length > MOST_WAITING
  }

  /** Writes all full chunks to the file, and forgets them. Throws E_DATA_DISK. */
  async relieve(): Promise<void> {
    this.file ??= new FileStore(this.space, this.type, this.width)
    const last = this.count % this.perChunk === 0 ? undefined : this.chunks.pop()
    for (const [k, chunk] of this.chunks.entries()) {
      if (chunk === undefined) continue
      await this.file.append(chunk)
      this.chunks[k] = undefined
      this.space.take(-chunk.byteLength)
    }
    this.chunks = last === undefined ? [] : [last]
  }

  /** All inputs, wherever they are; nothing may be added any more. Throws E_DATA_DISK. */
  async inputs(): Promise<SampleStore> {
    const { file } = this
    if (file === undefined) return this
    await this.relieve()
    const [last] = this.chunks
    if (last !== undefined) {
      await file.append(last.subarray(0, (this.count % this.perChunk) * this.width))
      this.space.take(-last.byteLength)
      this.chunks = []
    }
    return file
  }

  peek(): RowNumbers {
    const out = new ROW_TYPES[this.type](this.count * this.width)
    this.chunks.forEach((chunk, k) => {
      const from = k * this.perChunk * this.width
      if (chunk !== undefined) out.set(chunk.subarray(0, out.length - from), from)
    })
    return out
  }

  all(): RowNumbers {
    const out = sharedNumbers(ROW_TYPES[this.type], this.count * this.width)
    this.chunks.forEach((chunk, k) => {
      const from = k * this.perChunk * this.width
      if (chunk !== undefined) out.set(chunk.subarray(0, out.length - from), from)
      this.chunks[k] = undefined
    })
    return out
  }

  /** Lets go of each chunk as soon as it is dealt. */
  deal(orders: readonly Uint32Array[]): RowNumbers[] {
    const { width, perChunk } = this
    const outs = orders.map((order) => sharedNumbers(ROW_TYPES[this.type], order.length * width))
    const used = orders.map(() => 0)
    for (let c = 0; c < this.chunks.length; c++) {
      const chunk = this.chunks[c] as RowNumbers
      const end = (c + 1) * perChunk
      orders.forEach((order, o) => {
        const out = outs[o] as RowNumbers
        let k = used[o] as number
        for (; k < order.length && (order[k] as number) < end; k++) {
          const from = ((order[k] as number) - c * perChunk) * width
          if (width === 1) out[k] = chunk[from] as number
          else out.set(chunk.subarray(from, from + width), k * width)
        }
        used[o] = k
      })
      this.chunks[c] = undefined
    }
    return outs
  }
}
