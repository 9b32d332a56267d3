/** Deals arrays to files, row by row, without holding them. */

import { basename, join } from 'node:path'
import type { ArrayPart, ArraySource, NumberArray, Numbers, NumberType } from '../formats/raw.js'
import { memoryBytes } from '../memory-budget.js'
import { type ArrayWriter, createIdxFile, createNpzFile } from './array-files.js'
import { type DealtPart, ownersOf } from './deal.js'

type Append = (values: Numbers) => Promise<void>

/** Numbers that a part collects before they are written. */
const BUFFERED_NUMBERS = 1 << 16

const SMALL: Readonly<Record<string, NumberType>> = {
  bool: 'uint8',
  uint8: 'uint8',
  int8: 'int32',
  int16: 'int32',
  uint16: 'int32',
  int32: 'int32',
  float32: 'float32',
}
const ARRAYS: Readonly<Record<NumberType, new (length: number) => Numbers>> = {
  uint8: Uint8Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
}

function pieces(array: NumberArray): AsyncIterable<Numbers> {
  return array.pieces(typeOf(array), memoryBytes())
}

function typeOf({ type }: NumberArray): NumberType {
  return SMALL[type] ?? 'float64'
}

/** Gives each row of an array to the part that owns it. */
async function dealRows(array: NumberArray, owner: Uint32Array, parts: readonly Append[]): Promise<void> {
  const row = array.shape.slice(1).reduce((product, size) => product * size, 1)
  const capacity = Math.max(1, Math.floor(BUFFERED_NUMBERS / row)) * row
  const buffers = parts.map(() => new ARRAYS[typeOf(array)](capacity))
  const used = parts.map(() => 0)
  const flush = async (part: number): Promise<void> => {
    await parts[part]?.((buffers[part] as Numbers).subarray(0, used[part]))
    used[part] = 0
  }
  let number = 0
  for await (const piece of pieces(array)) {
    for (let at = 0; at < piece.length; ) {
      const part = owner[Math.floor(number / row)] as number
      // A row may be divided between pieces.
      const end = Math.min(piece.length, at + row - (number % row))
      ;(buffers[part] as Float64Array).set(piece.subarray(at, end) as Float64Array, used[part])
      used[part] = (used[part] as number) + end - at
      number += end - at
      at = end
      if (used[part] === capacity) await flush(part)
    }
  }
  for (const part of parts.keys()) await flush(part)
}

/** Gives a whole array to every part. */
async function copyToAll(array: NumberArray, parts: readonly Append[]): Promise<void> {
  for await (const piece of pieces(array)) for (const append of parts) await append(piece)
}

/** Writes one NPZ file per part. Throws E_DATA_TOO_LARGE above 4 GiB, E_DATA_DISK, and those of the format. */
export async function dealNpz(
  raw: ArraySource,
  parts: readonly DealtPart[],
  paths: readonly string[],
): Promise<void> {
  const owner = ownersOf(parts)
  const files: ArrayWriter[] = []
  try {
    for (const path of paths) files.push(await createNpzFile(join(path, basename(raw.file))))
    const appends = files.map((file) => (values: Numbers) => file.append(values))
    for (const array of arraysOf(raw.train)) {
      const { name, type, shape } = array
      for (const [k, file] of files.entries())
        await file.begin({ name, type, shape: [parts[k]?.samples.length ?? 0, ...shape.slice(1)] })
      await dealRows(array, owner, appends)
    }
    for (const array of arraysOf(raw.test)) {
      for (const file of files) await file.begin(array)
      await copyToAll(array, appends)
    }
  } finally {
    for (const file of files) await file.close()
  }
}

/** Writes the four IDX files of each part. Throws as {@link dealNpz}. */
export async function dealIdx(
  raw: ArraySource,
  parts: readonly DealtPart[],
  paths: readonly string[],
): Promise<void> {
  const owner = ownersOf(parts)
  const counts = parts.map(({ samples }) => samples.length)
  for (const [name, part] of [
    ['train', raw.train],
    ['t10k', raw.test],
  ] as const) {
    if (part?.targets === undefined) continue
    for (const [array, suffix, rank] of [
      [part.inputs, 'images-idx3-ubyte', 3],
      [part.targets, 'labels-idx1-ubyte', 1],
    ] as const) {
      const size = array.shape.slice(1, rank)
      const files: Awaited<ReturnType<typeof createIdxFile>>[] = []
      try {
        for (const [k, path] of paths.entries()) {
          const count = (name === 'train' ? counts[k] : array.shape[0]) ?? 0
          files.push(await createIdxFile(join(path, `${name}-${suffix}`), [count, ...size]))
        }
        const appends = files.map((file) => (values: Numbers) => file.append(values))
        await (name === 'train' ? dealRows(array, owner, appends) : copyToAll(array, appends))
      } finally {
        for (const file of files) await file.close()
      }
    }
  }
}

function arraysOf(part: ArrayPart | undefined): NumberArray[] {
  return [part?.inputs, part?.targets].filter((array) => array !== undefined)
}
