/** What rows of a table are to predict, as numbers. */

import { nearestName } from '@tempered/errors'
import type { Task } from '../../task/task-schema.js'
import { DataError } from '../data-error.js'
import type { Cell } from '../formats/raw.js'
import { isMissing, nameOf, numberOf, shown } from './cells.js'
import { type CellPlace, missingValue, notANumber, scaledNumber } from './columns.js'

type Output = Task['output']

/** Writes the targets of a row from the cells of its target columns. */
export interface TargetEncoder {
  readonly columns: readonly string[]
  readonly type: 'uint8' | 'int32' | 'float32'
  readonly width: number
  /** Number of classes; 0 where targets are no labels. */
  readonly classes: number
  encode(cells: readonly Cell[], place: CellPlace, out: Float64Array): void
}

/** Column of the label where the task does not name one. */
export const DEFAULT_LABEL = 'label'

/** The encoder of an output; undefined for next-token, whose samples are their own targets. */
export function targetEncoder(output: Output): TargetEncoder | undefined {
  switch (output.type) {
    case 'class':
      return classTargets(output)
    case 'labels':
      return labelTargets(output.columns)
    case 'number':
      return numberTargets(output.columns)
    case 'next-token':
      return undefined
  }
}

function classTargets({
  column = DEFAULT_LABEL,
  classes,
}: Extract<Output, { type: 'class' }>): TargetEncoder {
  const count = typeof classes === 'number' ? classes : classes.length
  const numberOfLabel = classNumber(classes)
  return {
    columns: [column],
    type: count > 256 ? 'int32' : 'uint8',
    width: 1,
    classes: count,
    encode([cell], place, out) {
      const label = numberOfLabel(cell)
      if (label === undefined) {
        if (isMissing(cell)) throw missingValue(column, cell, place)
        throw unknownClass(column, cell, classes, place)
      }
      out[0] = label
    },
  }
}

/**
 * The class of a cell: by name; by number where the task gives only a number of classes, or where no name is itself a
 * number.
 */
function classNumber(classes: number | readonly string[]): (cell: Cell) => number | undefined {
  const names = typeof classes === 'number' ? [] : classes
  const count = typeof classes === 'number' ? classes : classes.length
  const places = new Map(names.map((name, k) => [name, k]))
  const byNumber = names.every((name) => numberOf(name) === undefined)
  return (cell) => {
    if (cell === undefined || cell === null) return undefined
    const named = places.get(nameOf(cell))
    if (named !== undefined) return named
    const value = numberOf(cell)
    if (value === undefined || !Number.isInteger(value)) return undefined
    // A float column has 1.0 for 1.
    if (!byNumber) return places.get(String(value))
    return value >= 0 && value < count ? value : undefined
  }
}

function unknownClass(
  column: string,
  cell: Cell,
  classes: number | readonly string[],
  place: CellPlace,
): DataError {
  if (typeof classes === 'number')
    return new DataError(
      'E_LABEL_RANGE',
      `column "${column}" has ${shown(cell)}; labels of ${classes} classes are whole numbers from 0 to ${classes - 1}. ` +
        'Correct it, or list the names of the classes in the task',
      place,
    )
  const near = nearestName(nameOf(cell), classes)
  const listed = `${classes.slice(0, 10).join(', ')}${classes.length > 10 ? ', …' : ''}`
  return new DataError(
    'E_LABEL_RANGE',
    `column "${column}" has ${shown(cell)}, which is not a class of the task (${listed})` +
      `${near === undefined ? '; correct it, or add it to the classes' : `; did you mean "${near}"?`}`,
    place,
  )
}

const TRUTH: Readonly<Record<string, number>> = { true: 1, false: 0, yes: 1, no: 0 }

function labelTargets(columns: readonly string[]): TargetEncoder {
  return {
    columns,
    type: 'float32',
    width: columns.length,
    classes: 0,
    encode(cells, place, out) {
      columns.forEach((column, k) => {
        const cell = cells[k]
        const value =
          numberOf(cell) ?? (typeof cell === 'string' ? TRUTH[cell.trim().toLowerCase()] : undefined)
        if (value === undefined && isMissing(cell)) throw missingValue(column, cell, place)
        if (value !== 0 && value !== 1)
          throw new DataError('E_DATA_VALUE', `column "${column}" has ${shown(cell)}; write 0 or 1`, place)
        out[k] = value
      })
    },
  }
}

function numberTargets(columns: Extract<Output, { type: 'number' }>['columns']): TargetEncoder {
  return {
    columns: columns.map(({ name }) => name),
    type: 'float32',
    width: columns.length,
    classes: 0,
    encode(cells, place, out) {
      columns.forEach((column, k) => {
        const { name } = column
        const value = numberOf(cells[k])
        if (value === undefined) {
          throw isMissing(cells[k]) ? missingValue(name, cells[k], place) : notANumber(name, cells[k], place)
        }
        out[k] = scaledNumber(value, column, place)
      })
    },
  }
}
