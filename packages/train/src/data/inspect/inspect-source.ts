/** What a source holds, before any task. */

import { nameOf } from '../encode/cells.js'
import { openSource } from '../formats/open-source.js'
import type { ArrayPart, ArraySource, NumberArray, RawSource, RowSource } from '../formats/raw.js'
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

/** Reads a whole source and sums it up. Throws DataError. */
export async function inspectSource(path: string, cacheFolder: string): Promise<SourceSummary> {
  const raw = await openSource(path, cacheFolder)
  return raw.kind === 'arrays' ? arraySource(path, raw) : rowSource(path, raw)
}

async function rowSource(path: string, raw: Exclude<RawSource, ArraySource>): Promise<SourceSummary> {
  const train = await inspectTable(raw.kind === 'rows' ? raw : raw.train)
  const source = raw.kind === 'rows' ? raw : raw.train
  const notices: string[] = []
  if (source.format !== 'jsonl' && source.columns.every((name) => name !== '' && !Number.isNaN(Number(name))))
    notices.push('all names of columns are numbers: is the first line data, and a line with names missing?')
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
    for (const { cells } of batch) {
      rows++
      if (first.length < FIRST_ROWS)
        first.push(cells.map((cell) => (cell === undefined || cell === null ? '' : nameOf(cell))))
      cells.forEach((cell, k) => {
        statistics[k]?.add(cell)
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
  return {
    source: path,
    format,
    train: await inspectArrays(raw.train, images ? (channels ?? 1) : 1, images),
    test: test === undefined ? undefined : await inspectArrays(test, images ? (channels ?? 1) : 1, images),
    images,
    classNames,
    notices,
  }
}

async function inspectArrays(
  { inputs, targets }: ArrayPart,
  channels: number,
  images: boolean,
): Promise<ArraySummary> {
  const values = await inputs.load(inputs.type === 'uint8' ? 'uint8' : 'float32')
  const scale = images && inputs.type === 'uint8' ? 255 : 1
  const sums = new Float64Array(channels)
  let notFinite = 0
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let k = 0; k < values.length; k++) {
    const value = values[k] as number
    if (!Number.isFinite(value)) {
      notFinite++
      continue
    }
    if (value < min) min = value
    if (value > max) max = value
    sums[k % channels] = (sums[k % channels] as number) + value
  }
  const each = (values.length - notFinite) / channels
  const mean = sums.map((sum) => sum / each)
  const squares = new Float64Array(channels)
  for (let k = 0; k < values.length; k++) {
    const distance = (values[k] as number) - (mean[k % channels] as number)
    if (Number.isFinite(distance))
      squares[k % channels] = (squares[k % channels] as number) + distance * distance
  }
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
    single && whole && min >= 0 && max < MOST_LABELS ? new Array<number>(max + 1).fill(0) : undefined
  if (labels !== undefined) for (const value of values) labels[value] = (labels[value] as number) + 1
  return { shape: targets.shape, type: targets.type, labels, min, max }
}
