/** Some images of a source on one sheet, a row per class. */

import { DataError } from '../data-error.js'
import { openSource } from '../formats/open-source.js'
import type { NumberArray } from '../formats/raw.js'
import { memoryBytes } from '../memory-budget.js'

const MOST_ROWS = 20
const PER_ROW = 12
const GAP = 2
/** Images are enlarged by a whole number until they have this height. */
const LEAST_HEIGHT = 32

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
  const scale = Math.max(1, Math.ceil(LEAST_HEIGHT / height))
  const [cellWidth, cellHeight] = [width * scale + GAP, height * scale + GAP]
  const { PNG } = await import('pngjs')
  const across = Math.max(1, ...rows.map((row) => row.length))
  const sheet = new PNG({
    width: across * cellWidth + GAP,
    height: Math.max(1, rows.length) * cellHeight + GAP,
  })
  sheet.data.fill(0xff)
  rows.forEach((row, y) => {
    row.forEach((sample, x) => {
      const bytes = chosen.get(sample) as Uint8Array
      for (let line = 0; line < height * scale; line++) {
        for (let column = 0; column < width * scale; column++) {
          const pixel = Math.floor(line / scale) * width + Math.floor(column / scale)
          const from = pixel * channels
          const to = 4 * ((y * cellHeight + GAP + line) * sheet.width + x * cellWidth + GAP + column)
          for (let c = 0; c < 3; c++) sheet.data[to + c] = bytes[from + (channels < 3 ? 0 : c)] as number
        }
      }
    })
  })
  return PNG.sync.write(sheet)
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
