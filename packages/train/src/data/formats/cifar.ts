/**
 * CIFAR-10 and CIFAR-100 in their binary form: per image its label (of CIFAR-100 the coarse and the fine one), then
 * 3,072 bytes, the red, green and blue planes of 32×32 pixels. Source: A. Krizhevsky, "Learning Multiple Layers of
 * Features from Tiny Images", 2009, and the description that comes with the files.
 */

import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../data-error.js'
import { memoryArray } from './memory-array.js'
import type { ArrayPart, ArraySource, ReadOptions } from './raw.js'
import { streamedArray } from './streamed-array.js'
import { fileBytes, unreadable } from './text-stream.js'

const PLANE = 32 * 32
const PIXELS = 3 * PLANE
const BATCH = /^data_batch_\d+\.bin$/

/** Which labels of a record are read, and where their names are. */
interface Kind {
  readonly labels: 1 | 2
  readonly at: 0 | 1
  readonly classes: number
  readonly names: string
}

const TEN: Kind = { labels: 1, at: 0, classes: 10, names: 'batches.meta.txt' }
const FINE: Kind = { labels: 2, at: 1, classes: 100, names: 'fine_label_names.txt' }
const COARSE: Kind = { labels: 2, at: 0, classes: 20, names: 'coarse_label_names.txt' }

/** Whether these are the files of CIFAR-10 or CIFAR-100. */
export function isCifar(names: readonly string[]): boolean {
  return names.some((name) => BATCH.test(name)) || (names.includes('train.bin') && names.includes('test.bin'))
}

/**
 * Opens the folder `names` are from. CIFAR-100 has its 100 fine classes, or the 20 coarse ones where the task has 20.
 * Throws E_DATA_NOT_FOUND, E_DATA_FORMAT (odd size), E_LABEL_RANGE.
 */
export async function openCifar(
  folder: string,
  names: readonly string[],
  { classes }: ReadOptions,
): Promise<ArraySource> {
  const batches = names.filter((name) => BATCH.test(name)).sort()
  const ten = batches.length > 0
  const kind = ten ? TEN : classes === COARSE.classes ? COARSE : FINE
  const testName = ten ? 'test_batch.bin' : 'test.bin'
  const train = await openRecords(folder, ten ? batches : ['train.bin'], kind)
  const test = names.includes(testName) ? await openRecords(folder, [testName], kind) : undefined
  const text = names.includes(kind.names) ? await readFile(join(folder, kind.names), 'utf8') : ''
  const classNames = text.split(/\r?\n/).filter((line) => line !== '')
  return {
    kind: 'arrays',
    format: 'cifar',
    file: folder,
    train,
    test,
    images: true,
    classes: kind.classes,
    classNames: classNames.length === kind.classes ? classNames : undefined,
  }
}

async function openRecords(folder: string, names: readonly string[], kind: Kind): Promise<ArrayPart> {
  const record = kind.labels + PIXELS
  const files = names.map((name) => join(folder, name))
  let count = 0
  for (const file of files) {
    const { size } = await stat(file).catch((cause: NodeJS.ErrnoException) => {
      throw unreadable(file, cause)
    })
    if (size === 0 || size % record !== 0)
      throw new DataError(
        'E_DATA_FORMAT',
        `has ${size} bytes, which is no whole number of records of ${record}; fetch it again`,
        { file, offset: size - (size % record) },
      )
    count += size / record
  }
  const labels = new Int32Array(count)
  let sample = 0
  for await (const { records, file, offset } of recordsOf(files, record)) {
    for (let at = kind.at; at < records.length; at += record) {
      const label = records[at] as number
      if (label >= kind.classes)
        throw new DataError(
          'E_LABEL_RANGE',
          `label ${label} is not below ${kind.classes}; is this a CIFAR file?`,
          { file, offset: offset + at },
        )
      labels[sample++] = label
    }
  }
  const [file = folder] = files
  return {
    inputs: streamedArray(file, 'images', [count, 32, 32, 3], () => pixelsOf(files, kind)),
    targets: memoryArray(file, 'labels', [count], labels),
  }
}

async function* pixelsOf(files: readonly string[], kind: Kind): AsyncGenerator<Uint8Array> {
  const record = kind.labels + PIXELS
  for await (const { records } of recordsOf(files, record)) {
    const pixels = new Uint8Array((records.length / record) * PIXELS)
    for (let at = 0, out = 0; at < records.length; at += record, out += PIXELS)
      interleave(records, at + kind.labels, pixels, out)
    yield pixels
  }
}

/** Whole records in order, with the file and the byte at which the first of them begins. */
async function* recordsOf(
  files: readonly string[],
  record: number,
): AsyncGenerator<{ readonly records: Buffer; readonly file: string; readonly offset: number }> {
  for (const file of files) {
    let rest: Buffer = Buffer.alloc(0)
    let offset = 0
    for await (const chunk of fileBytes(file)) {
      const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      const end = bytes.length - (bytes.length % record)
      if (end > 0) yield { records: bytes.subarray(0, end), file, offset }
      offset += end
      rest = bytes.subarray(end)
    }
    if (rest.length > 0)
      throw new DataError('E_DATA_FORMAT', 'changed while it was read; start again', { file, offset })
  }
}

/** Three planes to three bytes per pixel. */
function interleave(from: Buffer, start: number, out: Uint8Array, at: number): void {
  for (let c = 0; c < 3; c++) {
    for (let p = 0; p < PLANE; p++) out[at + 3 * p + c] = from[start + c * PLANE + p] as number
  }
}
