/**
 * CIFAR-10 and CIFAR-100 in their binary form: per image its label (of CIFAR-100 the coarse and the fine one), then
 * 3,072 bytes, the red, green and blue planes of 32×32 pixels. Source: A. Krizhevsky, "Learning Multiple Layers of
 * Features from Tiny Images", 2009, and the description that comes with the files.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../data-error.js'
import { memoryArray } from './memory-array.js'
import type { ArrayPart, ArraySource, ReadOptions } from './raw.js'
import { unreadable } from './text-stream.js'

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
  const train = await readRecords(folder, ten ? batches : ['train.bin'], kind)
  const test = names.includes(testName) ? await readRecords(folder, [testName], kind) : undefined
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

async function readRecords(folder: string, names: readonly string[], kind: Kind): Promise<ArrayPart> {
  const record = kind.labels + PIXELS
  const contents: Buffer[] = []
  for (const name of names) {
    const file = join(folder, name)
    const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
      throw unreadable(file, cause)
    })
    if (bytes.length === 0 || bytes.length % record !== 0)
      throw new DataError(
        'E_DATA_FORMAT',
        `has ${bytes.length} bytes, which is no whole number of records of ${record}; fetch it again`,
        { file, offset: bytes.length - (bytes.length % record) },
      )
    contents.push(bytes)
  }
  const count = contents.reduce((sum, { length }) => sum + length, 0) / record
  const pixels = new Uint8Array(new SharedArrayBuffer(count * PIXELS))
  const labels = new Int32Array(count)
  let sample = 0
  contents.forEach((bytes, k) => {
    for (let at = 0; at < bytes.length; at += record) {
      const label = bytes[at + kind.at] as number
      if (label >= kind.classes)
        throw new DataError(
          'E_LABEL_RANGE',
          `label ${label} is not below ${kind.classes}; is this a CIFAR file?`,
          {
            file: join(folder, names[k] as string),
            offset: at + kind.at,
          },
        )
      labels[sample] = label
      interleave(bytes, at + kind.labels, pixels, sample * PIXELS)
      sample++
    }
  })
  const file = join(folder, names[0] as string)
  return {
    inputs: memoryArray(file, 'images', [count, 32, 32, 3], pixels),
    targets: memoryArray(file, 'labels', [count], labels),
  }
}

/** Three planes to three bytes per pixel. */
function interleave(from: Buffer, start: number, out: Uint8Array, at: number): void {
  for (let c = 0; c < 3; c++) {
    for (let p = 0; p < PLANE; p++) out[at + 3 * p + c] = from[start + c * PLANE + p] as number
  }
}
