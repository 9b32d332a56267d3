/** Samples in a file of encoded rows, read by position: what does not fit into memory. */

import { closeSync, fstatSync, openSync, read, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { DataError } from './data-error.js'

/** How one number is stored, little-endian. */
export const ROW_TYPES = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array } as const
export type RowType = keyof typeof ROW_TYPES
/** Numbers of rows in memory. */
export type RowNumbers = Uint8Array | Int32Array | Float32Array

/** The inputs of samples in a file; a plain object, so that it can be sent to another thread. */
export interface FileRows {
  readonly path: string
  /** Byte of the file at which row 0 begins. */
  readonly offset: number
  readonly type: RowType
  /** Numbers per row. */
  readonly width: number
  /** Numbers of all samples together, as of an array. */
  readonly length: number
  readonly byteLength: number
  /** Row of each sample, ascending, in shared memory; without it, sample k is row k. */
  readonly order?: Uint32Array | undefined
  /** Size and time of the last change of the file when its contents were checked. */
  readonly fileBytes: number
  readonly modifiedMs: number
}

/** Bytes that are read at a time in passes over all samples. */
const BLOCK_BYTES = 4 * 1024 * 1024
/** Files that a thread keeps open. */
const MOST_OPEN = 16

/** Bytes of one row. */
export function rowBytes({ type, width }: Pick<FileRows, 'type' | 'width'>): number {
  return width * ROW_TYPES[type].BYTES_PER_ELEMENT
}

function lost(path: string, what: string, cause?: unknown): DataError {
  return new DataError(
    'E_DATA_LOST',
    `the file of encoded samples ${what}; start again, which makes it anew, and leave it alone meanwhile`,
    { file: path, cause },
  )
}

/** Descriptors of this thread by path, the oldest first. */
const descriptors = new Map<string, number>()

function descriptorOf(path: string): number {
  const known = descriptors.get(path)
  if (known !== undefined) return known
  if (descriptors.size >= MOST_OPEN) {
    const [[oldest, descriptor]] = descriptors as unknown as [[string, number]]
    descriptors.delete(oldest)
    closeSync(descriptor)
  }
  try {
    const descriptor = openSync(path, 'r')
    descriptors.set(path, descriptor)
    return descriptor
  } catch (cause) {
    throw lost(path, `cannot be opened (${(cause as NodeJS.ErrnoException).code})`, cause)
  }
}

/** Reads rows of any file into one buffer, which the next call overwrites. */
export interface RowReader {
  /**
   * Rows of the samples `order[0 … count)`, count × width row-major. Throws E_DATA_LOST for a file that is gone, was
   * changed or became shorter.
   */
  read(rows: FileRows, order: Uint32Array, count: number): RowNumbers
  /**
   * Says which rows are read next. Where reading waits for the disk, the system is asked for several of them at once, so
   * that it has them by then.
   */
  expect(rows: FileRows, order: Uint32Array, count: number): void
}

/** Rows that take longer than this come from the disk and not from the system's memory. */
const SLOW_ROW_MS = 0.03
/** Rows that were asked for and are not answered yet: answers wait until the thread has time. */
const MOST_EXPECTED = 1 << 15

export function createRowReader(): RowReader {
  let buffer = new ArrayBuffer(0)
  let view: RowNumbers = new Uint8Array(0)
  /** The view on the buffer is made anew only when the batch has another form. */
  const viewOf = (type: RowType, length: number): RowNumbers => {
    const Type = ROW_TYPES[type]
    if (view instanceof Type && view.length === length && view.buffer === buffer) return view
    const bytes = length * Type.BYTES_PER_ELEMENT
    if (buffer.byteLength < bytes) buffer = new ArrayBuffer(bytes)
    view = new Type(buffer, 0, length)
    return view
  }
  let slow = false
  let expected = 0
  let ignored = new Uint8Array(0)
  const answered = (): void => {
    expected--
  }
  return {
    expect(rows, order, count) {
      const descriptor = descriptors.get(rows.path)
      if (!slow || descriptor === undefined) return
      const bytes = rowBytes(rows)
      if (ignored.length < bytes) ignored = new Uint8Array(bytes)
      for (let k = 0; k < count && expected < MOST_EXPECTED; k++) {
        expected++
        const position = rows.offset + rowOf(rows, order[k] as number) * bytes
        read(descriptor, ignored, 0, bytes, position, answered)
      }
    },
    read(rows, order, count) {
      const { path, offset, type, width } = rows
      const begun = performance.now()
      const bytes = rowBytes(rows)
      const out = viewOf(type, count * width)
      const target = new Uint8Array(out.buffer as ArrayBuffer, 0, count * bytes)
      const descriptor = unchangedDescriptor(rows)
      for (let k = 0; k < count; ) {
        const first = rowOf(rows, order[k] as number)
        // Rows that follow each other take one read.
        let end = k + 1
        while (end < count && rowOf(rows, order[end] as number) === first + end - k) end++
        readFully(descriptor, path, target, k * bytes, (end - k) * bytes, offset + first * bytes)
        k = end
      }
      slow = performance.now() - begun > SLOW_ROW_MS * count
      return out
    },
  }
}

function rowOf({ order }: FileRows, sample: number): number {
  return order === undefined ? sample : (order[sample] as number)
}

/** The descriptor of the file as it was checked. Throws E_DATA_LOST when it is another by now. */
function unchangedDescriptor(rows: FileRows): number {
  const { path } = rows
  const descriptor = descriptorOf(path)
  if (changeOf(rows, descriptor) === undefined) return descriptor
  // The name may have gone to a newer file since this thread opened it.
  descriptors.delete(path)
  closeSync(descriptor)
  const next = descriptorOf(path)
  const change = changeOf(rows, next)
  if (change === undefined) return next
  throw lost(path, change)
}

function changeOf({ fileBytes, modifiedMs }: FileRows, descriptor: number): string | undefined {
  const { size, mtimeMs } = fstatSync(descriptor)
  if (size !== fileBytes) return `has ${size} bytes, but had ${fileBytes} when it was checked`
  return mtimeMs === modifiedMs ? undefined : 'was changed after it was checked'
}

function readFully(
  descriptor: number,
  path: string,
  target: Uint8Array,
  at: number,
  length: number,
  position: number,
): void {
  for (let done = 0; done < length; ) {
    let read: number
    try {
      read = readSync(descriptor, target, at + done, length - done, position + done)
    } catch (cause) {
      throw lost(path, `cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause)
    }
    if (read === 0) throw lost(path, `ends at byte ${position + done}`)
    done += read
  }
}

/**
 * The bytes of all samples in their order, some megabytes at a time; each piece is valid until the next. Throws
 * E_DATA_LOST.
 */
export async function* sampleBytes(rows: FileRows): AsyncGenerator<Uint8Array> {
  const { path, offset, width, length } = rows
  const bytes = rowBytes(rows)
  const count = length / width
  const perBlock = Math.max(1, Math.floor(BLOCK_BYTES / bytes))
  const last = count === 0 ? 0 : rowOf(rows, count - 1)
  const block = new Uint8Array(Math.min(perBlock, last + 1) * bytes)
  const handle = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw lost(path, `cannot be opened (${cause.code})`, cause)
  })
  try {
    for (let sample = 0; sample < count; ) {
      const first = rowOf(rows, sample)
      let end = sample + 1
      while (end < count && end - sample < perBlock && rowOf(rows, end) - first < perBlock) end++
      const span = (rowOf(rows, end - 1) - first + 1) * bytes
      await readBlock(handle, path, block.subarray(0, span), offset + first * bytes)
      // Rows of other samples in between are closed up.
      let used = 0
      for (let run = sample; run < end; ) {
        const begin = rowOf(rows, run)
        let after = run + 1
        while (after < end && rowOf(rows, after) === begin + after - run) after++
        const from = (begin - first) * bytes
        const size = (after - run) * bytes
        if (from !== used) block.copyWithin(used, from, from + size)
        used += size
        run = after
      }
      yield block.subarray(0, used)
      sample = end
    }
  } finally {
    await handle.close()
  }
}

async function readBlock(
  handle: FileHandle,
  path: string,
  target: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done)
    if (bytesRead === 0) throw lost(path, `ends at byte ${position + done}`)
    done += bytesRead
  }
}
