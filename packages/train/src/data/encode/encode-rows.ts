/** Tables and texts as the samples of a task, row by row. */

import { basename } from 'node:path'
import { counted, nearestName } from '@tempered/errors'
import { classNamesOf, type OpenTask } from '../../task/task.js'
import type { Task } from '../../task/task-schema.js'
import { DataError } from '../data-error.js'
import type { Cell, RowSource } from '../formats/raw.js'
import { checkTargetBytes } from '../limits.js'
import { isMissing, nameOf } from './cells.js'
import { ChangeCounts } from './change-counts.js'
import { type CellPlace, columnEncoder } from './columns.js'
import type { Encoded } from './encoded.js'
import type { SampleSpace } from './sample-space.js'
import { GrowingStore } from './sample-store.js'
import { type TargetEncoder, targetEncoder } from './targets.js'
import { createTokenizer, cutTokens, tokenWindows } from './tokens.js'

/** Turns the cells of a row into its samples; none when the row is left out. */
interface InputEncoder {
  readonly columns: readonly string[]
  readonly type: 'float32' | 'int32'
  readonly width: number
  samples(cells: readonly Cell[], place: CellPlace): readonly (Float32Array | Int32Array)[]
  /** Why rows were left out, how many, and the first, for the log. */
  readonly leftOut: Map<string, LeftOut>
  /** What became of values other than what they are, for the log. */
  changes?(): string[]
}

interface LeftOut {
  readonly first: number
  count: number
}

export interface RowOptions {
  /**
   * Leaves the columns of the targets alone, so that they may be missing; `rows` of the result are then lines of the file,
   * in Parquet rows.
   */
  readonly inputsOnly?: boolean
}

/**
 * Reads and encodes all rows. Inputs that exceed the space go to its file while they are read. The order of columns does
 * not matter; others than the task's are named in a notice. Throws E_DATA_COLUMN for a missing one, E_DATA_VALUE,
 * E_LABEL_RANGE, E_DATA_TOO_LARGE for targets that exceed the space, E_DATA_DISK, and those of the format.
 */
export async function encodeRows(
  source: RowSource,
  open: OpenTask,
  notices: string[],
  space: SampleSpace,
  { inputsOnly = false }: RowOptions = {},
): Promise<Encoded> {
  const { task } = open
  const input = inputEncoder(source, task)
  const target = inputsOnly ? undefined : targetEncoder(task.output)
  checkColumns(source, [...input.columns, ...(target?.columns ?? [])], target, notices)
  const store = createRowStore(source.file, space, input, target, inputsOnly)
  const wanted = [...input.columns, ...(target?.columns ?? [])]
  let kept = 0
  let read = 0
  for await (const batch of source.rows(wanted)) {
    for (const { line, cells } of batch) {
      read++
      const place = { file: source.file, line }
      const samples = input.samples(cells, place)
      if (samples.length === 0) continue
      target?.encode(cells.slice(input.columns.length), place, store.targetValues)
      for (const sample of samples) {
        const writing = store.add(sample, line, kept)
        if (writing !== undefined) await writing
      }
      kept++
    }
  }
  noteRows(source, read, kept, input, notices)
  return {
    name: basename(source.file),
    shape: [input.width],
    ...(await store.finish()),
    classes: target?.classes ?? 0,
    classNames: task.output.type === 'class' && !inputsOnly ? classNamesOf(task) : undefined,
  }
}

/** What the rows become: inputs with targets, or with the row of each sample. */
interface RowStore {
  /** Targets of the samples that are added next. */
  readonly targetValues: Float64Array
  /** Undefined but when samples have to be written to disk first. Throws E_DATA_DISK, E_DATA_TOO_LARGE. */
  add(sample: ArrayLike<number>, line: number, row: number): Promise<void> | undefined
  finish(): Promise<Pick<Encoded, 'inputs' | 'targets' | 'rows'>>
}

function createRowStore(
  file: string,
  space: SampleSpace,
  input: InputEncoder,
  target: TargetEncoder | undefined,
  inputsOnly: boolean,
): RowStore {
  const inputs = new GrowingStore(space, input.type, input.width)
  const targets = target === undefined ? undefined : new GrowingStore(space, target.type, target.width)
  const rows = target === undefined ? new GrowingStore(space, 'int32', 1) : undefined
  const targetValues = new Float64Array(target?.width ?? 0)
  const ownRow = [0]
  const checkRest = (): void => checkTargetBytes(file, space.used - inputs.byteLength, space.limit)
  const relieve = async (): Promise<void> => {
    await inputs.relieve()
    checkRest()
  }
  return {
    targetValues,
    add(sample, line, row) {
      ownRow[0] = inputsOnly ? line : row
      inputs.push(sample)
      targets?.push(targetValues)
      rows?.push(ownRow)
      return inputs.pressing ? relieve() : undefined
    },
    async finish() {
      const stored = await inputs.inputs()
      if (space.file !== undefined) checkRest()
      return { inputs: stored, targets, rows: rows?.peek() }
    },
  }
}

function noteRows(
  { file, format }: RowSource,
  read: number,
  kept: number,
  { leftOut, changes }: InputEncoder,
  notices: string[],
): void {
  if (read === 0) notices.push(`${file} has no rows, so it gives no samples`)
  if (kept < read) {
    const place = format === 'parquet' ? 'row' : 'line'
    const why = [...leftOut]
      .map(([reason, { count, first }]) => `${reason} (${count}, first in ${place} ${first})`)
      .join(', ')
    notices.push(`${file}: ${counted(read - kept, 'row')} of ${read} left out: ${why}`)
  }
  for (const change of changes?.() ?? []) notices.push(`${file}: ${change}`)
}

function inputEncoder(source: RowSource, { input, output }: Task): InputEncoder {
  if (input.type === 'table') return tableEncoder(input.columns, source.format === 'parquet' ? 'row' : 'line')
  if (input.type === 'text') return textEncoder(input, output.type === 'next-token')
  throw new DataError(
    'E_DATA_MISMATCH',
    `is a table, but the task takes ${input.type === 'image' ? 'images' : 'tensors'}; use a task with input ` +
      '`type: table` or `type: text` (tempered task init --data), or save the numbers as .npz',
    { file: source.file },
  )
}

function tableEncoder(
  columns: Extract<Task['input'], { type: 'table' }>['columns'],
  rowName: string,
): InputEncoder {
  const encoders = columns.map(columnEncoder)
  const width = encoders.reduce((sum, encoder) => sum + encoder.width, 0)
  const sample = new Float32Array(width)
  const leftOut = new Map<string, LeftOut>()
  const changes = new ChangeCounts(columns, rowName)
  return {
    columns: columns.map(({ name }) => name),
    type: 'float32',
    width,
    leftOut,
    samples(cells, place) {
      let at = 0
      for (let k = 0; k < encoders.length; k++) {
        const { width: numbers, encode } = encoders[k] as (typeof encoders)[number]
        const fate = encode(cells[k], place, sample, at)
        if (fate === 'dropped') {
          count(leftOut, `no value in column "${columns[k]?.name}"`, place.line)
          changes.forget()
          return []
        }
        if (fate !== 'kept') changes.note(k, fate, cells[k], place.line)
        at += numbers
      }
      changes.keep()
      return [sample]
    },
    changes: () => changes.texts(),
  }
}

function textEncoder(input: Extract<Task['input'], { type: 'text' }>, sequence: boolean): InputEncoder {
  const { column, length } = input
  const tokenize = createTokenizer(input)
  const leftOut = new Map<string, LeftOut>()
  return {
    columns: [column],
    type: 'int32',
    width: length + (sequence ? 1 : 0),
    leftOut,
    samples([cell], place) {
      if (typeof cell !== 'string' && isMissing(cell))
        throw new DataError(
          'E_DATA_VALUE',
          `column "${column}" has no value here; remove the row, or write "" for an empty text`,
          place,
        )
      const tokens = tokenize(typeof cell === 'string' ? cell : nameOf(cell))
      if (!sequence) return [cutTokens(tokens, length)]
      const windows = tokenWindows(tokens, length)
      if (windows.length === 0) count(leftOut, 'fewer than two tokens', place.line)
      return windows
    },
  }
}

function count(counts: Map<string, LeftOut>, key: string, line: number): void {
  const found = counts.get(key)
  if (found === undefined) counts.set(key, { first: line, count: 1 })
  else found.count += 1
}

function checkColumns(
  { file, format, columns }: RowSource,
  wanted: readonly string[],
  target: TargetEncoder | undefined,
  notices: string[],
): void {
  // JSON lines without a line have no columns.
  if (format === 'jsonl' && columns.length === 0) return
  const missing = wanted.find((name) => !columns.includes(name))
  if (missing !== undefined) {
    const near = nearestName(missing, columns)
    const whose =
      target?.columns.includes(missing) === true ? 'which the task predicts' : 'which the task needs'
    throw new DataError(
      'E_DATA_COLUMN',
      `has no column "${missing}", ${whose}${near === undefined ? ';' : `; did you mean "${near}"?`} ` +
        `it has ${columns.slice(0, 20).join(', ')}${columns.length > 20 ? ', …' : ''}`,
      { file, line: format === 'parquet' ? undefined : 1 },
    )
  }
  const extra = columns.filter((name) => !wanted.includes(name))
  if (extra.length > 0)
    notices.push(
      `${file}: ${counted(extra.length, 'column')} not in the task: ${extra.slice(0, 20).join(', ')}${extra.length > 20 ? ', …' : ''}`,
    )
}
