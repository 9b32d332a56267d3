/** What a source holds, before any task. */

import { counted } from '@tempered/errors'
import { nameOf } from '../encode/cells.js'
import { openSource } from '../formats/open-source.js'
import type { ArrayPart, ArraySource, NumberArray, Numbers, RawSource, RowSource } from '../formats/raw.js'
import { packedFault } from '../formats/text-stream.js'
import { memoryBytes } from '../memory-budget.js'
import { ColumnStatistics, type ColumnSummary } from './column-statistics.js'

export interface ArraySummary {
  readonly samples: number
  /** Of one sample. */
  readonly shape: readonly number[]
  /** As stored. */
  readonly type: string
  readonly min: number
  readonly max: number
  /** Per channel of images, otherwise one number; images of bytes in [0, 1]. */
  readonly mean: readonly number[]
  readonly deviation: readonly number[]
  /** Numbers that are NaN or infinite. */
  readonly notFinite: number
  readonly targets: TargetSummary | undefined
}

export interface TargetSummary {
  readonly shape: readonly number[]
  readonly type: string
  /** How often each label occurs, where targets are whole numbers, one per sample. */
  readonly labels: readonly number[] | undefined
  readonly min: number
  readonly max: number
}

export interface TableSummary {
  readonly file: string
  readonly rows: number
  readonly columns: readonly ColumnSummary[]
  /** The first rows as texts. */
  readonly first: readonly (readonly string[])[]
}

export interface SourceSummary {
  readonly source: string
  readonly format: string
  readonly train: TableSummary | ArraySummary
  /** The source's own test samples. */
  readonly test?: TableSummary | ArraySummary | undefined
  readonly images: boolean
  readonly classNames?: readonly string[] | undefined
  readonly notices: readonly string[]
}

const FIRST_ROWS = 5
/** Labels up to this number are counted. */
const MOST_LABELS = 100_000

/** Reads a whole source, some of it at a time, and sums it up. Throws DataError. */
export async function inspectSource(path: string, cacheFolder: string): Promise<SourceSummary> {
  try {
    const raw = await openSource(path, cacheFolder, { mostBytes: memoryBytes() })
    return raw.kind === 'arrays' ? await arraySource(path, raw) : await rowSource(path, raw)
  } catch (error) {
    throw await packedFault(error)
  }
}

async function rowSource(path: string, raw: Exclude<RawSource, ArraySource>): Promise<SourceSummary> {
  const train = await inspectTable(raw.kind === 'rows' ? raw : raw.train)
  const source = raw.kind === 'rows' ? raw : raw.train
  const notices: string[] = []
  if (source.format !== 'jsonl' && source.columns.every((name) => name !== '' && !Number.isNaN(Number(name))))
    notices.push('all names of columns are numbers: is the first line data, and a line with names missing?')
  for (const { name, type, notNumbers } of train.columns)
    if (notNumbers !== undefined)
      notices.push(
        `column "${name}" counts as ${type} because ${counted(notNumbers.count, 'value')} of ${train.rows} ${notNumbers.count === 1 ? 'is no number' : 'are no numbers'}, for example ${notNumbers.first} in ${source.format === 'parquet' ? 'row' : 'line'} ${notNumbers.line}; correct ${notNumbers.count === 1 ? 'it' : 'them'} if it should be one of numbers`,
      )
  return {
    source: path,
    format: source.format,
    train,
    test: raw.kind === 'rows' ? undefined : await inspectTable(raw.test),
    images: false,
    notices,
  }
}

async function inspectTable(source: RowSource): Promise<TableSummary> {
  const statistics = source.columns.map((name) => new ColumnStatistics(name))
  const first: string[][] = []
  let rows = 0
  for await (const batch of source.rows(source.columns)) {
    for (const { cells, line } of batch) {
      rows++
      if (first.length < FIRST_ROWS)
        first.push(cells.map((cell) => (cell === undefined || cell === null ? '' : nameOf(cell))))
      cells.forEach((cell, k) => {
        statistics[k]?.add(cell, line)
      })
    }
  }
  return { file: source.file, rows, columns: statistics.map((column) => column.finish()), first }
}

async function arraySource(path: string, raw: ArraySource): Promise<SourceSummary> {
  const { format, classNames, notices = [], test } = raw
  const [, , , channels] = raw.train.inputs.shape
  const images =
    raw.images || (raw.train.inputs.type === 'uint8' && [3, 4].includes(raw.train.inputs.shape.length))
  const mostBytes = memoryBytes()
  const inspected = (part: ArrayPart) => inspectArrays(part, images ? (channels ?? 1) : 1, images, mostBytes)
  return {
    source: path,
    format,
    train: await inspected(raw.train),
    test: test === undefined ? undefined : await inspected(test),
    images,
    classNames,
    notices,
  }
}

async function inspectArrays(
  { inputs, targets }: ArrayPart,
  channels: number,
  images: boolean,
  mostBytes: number,
): Promise<ArraySummary> {
  const scale = images && inputs.type === 'uint8' ? 255 : 1
  const type = inputs.type === 'uint8' || inputs.type === 'float32' ? inputs.type : 'float64'
  const pieces = () => inputs.pieces(type, mostBytes)
  const { sums, count, notFinite, min, max } = await rangeOf(pieces(), channels)
  const each = (count - notFinite) / channels
  const mean = sums.map((sum) => sum / each)
  const squares = await squaresAround(mean, pieces())
  const [samples = 0, ...shape] = inputs.shape
  return {
    samples,
    shape,
    type: inputs.type,
    min,
    max,
    mean: Array.from(mean, (value) => value / scale),
    deviation: Array.from(squares, (sum) => Math.sqrt(sum / each) / scale),
    notFinite,
    targets: targets === undefined ? undefined : await inspectTargets(targets),
  }
}

/** Sum per channel, and the range of the finite numbers. */
async function rangeOf(pieces: AsyncIterable<Numbers>, channels: number) {
  const sums = new Float64Array(channels)
  let [count, notFinite] = [0, 0]
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for await (const values of pieces) {
    for (let k = 0; k < values.length; k++) {
      const value = values[k] as number
      if (!Number.isFinite(value)) {
        notFinite++
        continue
      }
      if (value < min) min = value
      if (value > max) max = value
      const channel = (count + k) % channels
      sums[channel] = (sums[channel] as number) + value
    }
    count += values.length
  }
  return { sums, count, notFinite, min, max }
}

/** Sum of squared distances from the mean of each channel. */
async function squaresAround(mean: Float64Array, pieces: AsyncIterable<Numbers>): Promise<Float64Array> {
  const squares = new Float64Array(mean.length)
  let start = 0
  for await (const values of pieces) {
    for (let k = 0; k < values.length; k++) {
      const channel = (start + k) % mean.length
      const distance = (values[k] as number) - (mean[channel] as number)
      if (Number.isFinite(distance)) squares[channel] = (squares[channel] as number) + distance * distance
    }
    start += values.length
  }
  return squares
}

async function inspectTargets(targets: NumberArray): Promise<TargetSummary> {
  const values = await targets.load('float64')
  const [, ...more] = targets.shape
  let [min, max, whole] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true]
  for (const value of values) {
    if (value < min) min = value
    if (value > max) max = value
    if (!Number.isInteger(value)) whole = false
  }
  const single = more.every((size) => size === 1)
  const labels =
    single && whole && min >= 0 && max >= 0 && max < MOST_LABELS
      ? new Array<number>(max + 1).fill(0)
      : undefined
  if (labels !== undefined) for (const value of values) labels[value] = (labels[value] as number) + 1
  return { shape: targets.shape, type: targets.type, labels, min, max }
}
