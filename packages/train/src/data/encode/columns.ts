/** Columns of a table as inputs of a model. */

import { nearestName } from '@tempered/errors'
import type { Task } from '../../task/task-schema.js'
import { DataError } from '../data-error.js'
import type { Cell } from '../formats/raw.js'
import { isMissing, nameOf, numberAdvice, numberOf, shown } from './cells.js'

export type InputColumn = Extract<Task['input'], { type: 'table' }>['columns'][number]

/** Where a cell is, for messages. */
export interface CellPlace {
  readonly file: string
  readonly line: number
}

/**
 * What became of a cell: its own value; the one that the task gives for missing values; zeros, as a value that the task
 * does not list; or nothing, so that the sample is to be left out.
 */
export type CellFate = 'kept' | 'imputed' | 'unlisted' | 'dropped'

/** Writes one cell as numbers at a place of a sample. */
export type ColumnEncoder = (cell: Cell, place: CellPlace, out: Float32Array, at: number) => CellFate

/** The encoder of a column, and how many numbers it writes. */
export function columnEncoder(column: InputColumn): {
  readonly width: number
  readonly encode: ColumnEncoder
} {
  return column.type === 'number'
    ? { width: 1, encode: numberEncoder(column) }
    : { width: column.values.length, encode: categoryEncoder(column) }
}

function numberEncoder(column: Extract<InputColumn, { type: 'number' }>): ColumnEncoder {
  const { name, missing } = column
  return (cell, place, out, at) => {
    const value = numberOf(cell)
    if (value !== undefined) {
      out[at] = scaledNumber(value, column, place)
      return 'kept'
    }
    if (!isMissing(cell)) throw notANumber(name, cell, place)
    if (missing === 'drop') return 'dropped'
    if (missing === 'refuse') throw missingValue(name, cell, place, '<number>')
    out[at] = scaledNumber(missing.impute, column, place)
    return 'imputed'
  }
}

function categoryEncoder(column: Extract<InputColumn, { type: 'category' }>): ColumnEncoder {
  const { name, values, other, missing } = column
  const places = new Map(values.map((value, k) => [value, k]))
  const write = (value: string, place: CellPlace, out: Float32Array, at: number): CellFate => {
    out.fill(0, at, at + values.length)
    const k = places.get(value)
    if (k === undefined) {
      if (other === 'refuse') throw unknownValue(name, value, values, place)
      return 'unlisted'
    }
    out[at + k] = 1
    return 'kept'
  }
  return (cell, place, out, at) => {
    const value = cell === undefined || cell === null ? '' : nameOf(cell)
    if (!isMissing(cell) || places.has(value)) return write(value, place, out, at)
    if (missing === 'drop') return 'dropped'
    if (missing === 'refuse') throw missingValue(name, cell, place, '<value>')
    write(missing.impute, place, out, at)
    return 'imputed'
  }
}

/** (value − mean)/deviation. Throws E_DATA_VALUE if that does not fit into float32: a model would make NaN of it. */
export function scaledNumber(
  value: number,
  { name, mean, deviation }: { readonly name: string; readonly mean: number; readonly deviation: number },
  place: CellPlace,
): number {
  const scaled = (value - mean) / deviation
  if (Number.isFinite(Math.fround(scaled))) return scaled
  const plain = mean === 0 && deviation === 1
  throw new DataError(
    'E_DATA_VALUE',
    `column "${name}" has ${value}, which ${plain ? '' : 'as the task scales it '}does not fit into a 32-bit float ` +
      '(at most 3.4e38); correct it',
    place,
  )
}

/** E_DATA_VALUE for a cell that should be a number. */
export function notANumber(column: string, cell: Cell, place: CellPlace): DataError {
  return new DataError(
    'E_DATA_VALUE',
    `column "${column}" has ${shown(cell)}, which is no number; ${numberAdvice(cell)}`,
    place,
  )
}

/**
 * E_DATA_VALUE for a cell without a value. `impute` is what the task may give in its place, e.g. `<number>`; without it
 * the column is one that is to be predicted.
 */
export function missingValue(
  column: string,
  cell: Cell | undefined,
  place: CellPlace,
  impute?: string,
): DataError {
  const advice =
    impute === undefined
      ? 'remove the row, since what is to be predicted must be known'
      : `add it, or say in the task \`missing: drop\` or \`missing: { impute: ${impute} }\``
  const isBlank = cell === undefined || cell === null || (typeof cell === 'string' && cell.trim() === '')
  const what = isBlank ? 'no value here' : `${shown(cell)} here, which counts as no value`
  return new DataError('E_DATA_VALUE', `column "${column}" has ${what}; ${advice}`, place)
}

function unknownValue(column: string, value: string, values: readonly string[], place: CellPlace): DataError {
  const near = nearestName(value, values)
  return new DataError(
    'E_DATA_VALUE',
    `column "${column}" has ${shown(value)}, which the task does not list${near === undefined ? ';' : `; did you mean "${near}"?`} ` +
      `${near === undefined ? 'correct' : 'Correct'} it, or say in the task \`other: zero\``,
    place,
  )
}
