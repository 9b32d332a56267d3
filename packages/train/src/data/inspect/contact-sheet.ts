/** Some images of a source on one sheet, a row per class. */

import { DataError } from '../data-error.js'
import { openSource } from '../formats/open-source.js'
import type { NumberArray } from '../formats/raw.js'
import { memoryBytes } from '../memory-budget.js'
import { imageSheet } from './image-sheet.js'

const MOST_ROWS = 20
const PER_ROW = 12

/**
 * A PNG file with the first images of each class, at most 20 classes; without labels, simply the first images. Throws
 * E_DATA_MISMATCH for a source without images.
 */
export async function contactSheet(path: string, cacheFolder: string): Promise<Buffer> {
  const raw = await openSource(path, cacheFolder, { mostBytes: memoryBytes() })
  const inputs = raw.kind === 'arrays' ? raw.train.inputs : undefined
  const rank = inputs?.shape.length ?? 0
  if (raw.kind !== 'arrays' || inputs === undefined || (!raw.images && (inputs.type !== 'uint8' || rank < 3)))
    throw new DataError('E_DATA_MISMATCH', 'holds no images, so there is no sheet to draw', { file: path })
  const [count = 0, height = 1, width = 1, channels = 1] = inputs.shape
  const labels = await raw.train.targets?.load('int32')
  const rows = pick(count, labels as Int32Array | undefined)
  const chosen = await samplesOf(inputs, rows.flat())
  return imageSheet(
    rows.map((row) => row.map((sample) => chosen.get(sample))),
    [height, width, channels],
  )
}

/** The bytes of some samples by their numbers; the array is read by pieces. */
async function samplesOf(
  inputs: NumberArray,
  samples: readonly number[],
): Promise<ReadonlyMap<number, Uint8Array>> {
  const size = inputs.shape.slice(1).reduce((product, next) => product * next, 1)
  const chosen = new Map(samples.map((sample) => [sample, new Uint8Array(size)]))
  let start = 0
  for await (const piece of inputs.pieces('uint8')) {
    const end = start + piece.length
    for (let sample = Math.floor(start / size); sample * size < end; sample++) {
      const from = sample * size
      const begin = Math.max(start, from)
      const part = piece.subarray(begin - start, Math.min(end, from + size) - start) as Uint8Array
      chosen.get(sample)?.set(part, begin - from)
    }
    start = end
  }
  return chosen
}

function pick(count: number, labels: Int32Array | undefined): number[][] {
  if (labels === undefined) {
    const all = Array.from({ length: Math.min(count, PER_ROW * PER_ROW) }, (_, k) => k)
    return Array.from({ length: Math.ceil(all.length / PER_ROW) }, (_, row) =>
      all.slice(row * PER_ROW, (row + 1) * PER_ROW),
    )
  }
  const rows = new Map<number, number[]>()
  labels.forEach((label, sample) => {
    const row = rows.get(label)
    if (row === undefined) rows.set(label, [sample])
    else if (row.length < PER_ROW) row.push(sample)
  })
  return [...rows]
    .sort(([a], [b]) => a - b)
    .slice(0, MOST_ROWS)
    .map(([, row]) => row)
}
