/** Values of tables as numbers and texts. */

import type { Cell } from '../formats/raw.js'

/** Texts that mean a missing value, in lower case, where they are not a value that the task lists. */
const MISSING = new Set(['', 'na', 'n/a', 'nan', 'null', 'none', '?'])
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** Missing: nothing, NaN, or a text such as NA. */
export function isMissing(cell: Cell): boolean {
  if (cell === undefined || cell === null) return true
  if (typeof cell === 'number') return Number.isNaN(cell)
  if (typeof cell !== 'string') return false
  const text = cell.trim()
  return text.length <= 4 && MISSING.has(text.toLowerCase())
}

/** The number that a cell is; undefined when it is none (also infinity). True is 1. */
export function numberOf(cell: Cell): number | undefined {
  switch (typeof cell) {
    case 'number':
      return Number.isFinite(cell) ? cell : undefined
    case 'bigint':
      return Number(cell)
    case 'boolean':
      return cell ? 1 : 0
    case 'string': {
      const text = cell.trim()
      if (!NUMBER.test(text)) return undefined
      const value = Number(text)
      return Number.isFinite(value) ? value : undefined
    }
    default:
      return undefined
  }
}

/** A cell as a name: without spaces around it; 1.0 of a float column is 1; dates in ISO form. */
export function nameOf(cell: Cell): string {
  if (typeof cell === 'string') return cell.trim()
  if (cell instanceof Date) return cell.toISOString()
  return typeof cell === 'object' && cell !== null ? jsonOf(cell) : String(cell)
}

function jsonOf(value: object): string {
  try {
    return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? Number(part) : part))
  } catch (cause) {
    // Thousands of levels, more than the stack has room for.
    if (!(cause instanceof RangeError)) throw cause
    return Array.isArray(value) ? '[[…' : '{{…'
  }
}

/** What a message shows of a cell. */
export function shown(cell: Cell): string {
  const text = typeof cell === 'string' ? JSON.stringify(cell) : nameOf(cell)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

export const DECIMAL_POINT = 'write decimals with a point'

/** Whether a text is a number with a comma for its point. */
export function isDecimalComma(cell: Cell): boolean {
  return typeof cell === 'string' && cell.includes(',') && NUMBER.test(cell.trim().replace(',', '.'))
}

/** Advice for a text that is no number. */
export function numberAdvice(cell: Cell): string {
  if (cell instanceof Date) return 'write dates as numbers, for example days since a fixed date'
  if (typeof cell === 'object') return 'give each number of a list or an object a column of its own'
  if (typeof cell !== 'string') return 'write a finite number'
  const text = cell.trim()
  if (isDecimalComma(cell)) return DECIMAL_POINT
  if (/^[+-]?inf(inity)?$/i.test(text) || NUMBER.test(text)) return 'write a finite number'
  return 'write a number, or make the column a category in the task'
}
