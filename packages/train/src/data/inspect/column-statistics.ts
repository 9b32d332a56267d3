/** What the columns of a table hold, in one pass. */

import { DECIMAL_POINT, isDecimalComma, isMissing, nameOf, numberOf, shown } from '../encode/cells.js'
import type { Cell } from '../formats/raw.js'

/** Distinct values that are counted one by one; beyond, only that there are more. */
const MOST_DISTINCT = 1000
/** The most values of a category, and of one whatever the number of rows. */
const MOST_CATEGORIES = 100
const FEW_CATEGORIES = 10
/** Share of values that are no numbers up to which they are probably mistakes. */
const MOST_OTHERS = 0.1
/** Mean length above which values are texts. */
const NAME_LENGTH = 40

export interface ColumnSummary {
  readonly name: string
  /** `category`: texts of few different values; `empty`: no value at all. */
  readonly type: 'number' | 'category' | 'text' | 'empty'
  readonly missing: number
  /** Number of different values; undefined when there are more than 1,000. */
  readonly distinct: number | undefined
  /** Of numbers. */
  readonly min?: number
  readonly max?: number
  readonly mean?: number
  /** Root of the mean squared distance from the mean. */
  readonly deviation?: number
  /** Whether all numbers are whole. */
  readonly whole?: boolean
  /** How often each value occurs, the most frequent first; undefined when there are more than 1,000. */
  readonly values: readonly { readonly value: string; readonly count: number }[] | undefined
  /** Of a column whose texts are numbers written another way: how to write them. */
  readonly advice?: string
  /** Of a column that would be numbers but for a few values: what keeps it from that. */
  readonly notNumbers?: { readonly count: number; readonly first: string; readonly line: number }
}

/** Collects one column. */
export class ColumnStatistics {
  private readonly name: string
  private readonly counts = new Map<string, number>()
  private rows = 0
  private missing = 0
  private numbers = 0
  private length = 0
  private mean = 0
  private squares = 0
  private min = Number.POSITIVE_INFINITY
  private max = Number.NEGATIVE_INFINITY
  private whole = true
  private many = false
  private decimalCommas = 0
  private firstOther: { readonly first: string; readonly line: number } | undefined

  constructor(name: string) {
    this.name = name
  }

  /** @param line - its line, or row of a Parquet file */
  add(cell: Cell, line: number): void {
    this.rows++
    if (isMissing(cell)) {
      this.missing++
      return
    }
    const name = nameOf(cell)
    this.length += name.length
    this.count(name)
    const value = numberOf(cell)
    if (value !== undefined) this.addNumber(value)
    else {
      this.firstOther ??= { first: shown(cell), line }
      if (isDecimalComma(cell)) this.decimalCommas++
    }
  }

  private count(name: string): void {
    const before = this.counts.get(name)
    if (before !== undefined) this.counts.set(name, before + 1)
    else if (this.counts.size < MOST_DISTINCT) this.counts.set(name, 1)
    else this.many = true
  }

  /** Mean and squares after Welford. */
  private addNumber(value: number): void {
    this.numbers++
    const before = value - this.mean
    this.mean += before / this.numbers
    this.squares += before * (value - this.mean)
    this.min = Math.min(this.min, value)
    this.max = Math.max(this.max, value)
    if (!Number.isInteger(value)) this.whole = false
  }

  finish(): ColumnSummary {
    const { name, missing, counts, many } = this
    const type = this.type()
    const values = [...counts]
      .map(([value, count]) => ({ value, count }))
      .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    const summary: ColumnSummary = {
      name,
      type,
      missing,
      distinct: many ? undefined : counts.size,
      values: many ? undefined : values,
    }
    const others = this.rows - missing - this.numbers
    if (this.decimalCommas > 0 && this.decimalCommas === others) return { ...summary, advice: DECIMAL_POINT }
    if (type !== 'number')
      return this.firstOther !== undefined && others <= MOST_OTHERS * this.numbers
        ? { ...summary, notNumbers: { count: others, ...this.firstOther } }
        : summary
    const { min, max, mean, whole } = this
    return { ...summary, min, max, mean, deviation: Math.sqrt(this.squares / this.numbers), whole }
  }

  private type(): ColumnSummary['type'] {
    const present = this.rows - this.missing
    if (present === 0) return 'empty'
    if (this.numbers === present) return 'number'
    const few = this.counts.size <= Math.max(FEW_CATEGORIES, Math.min(MOST_CATEGORIES, present / 2))
    // Where no value occurs twice, they are no categories.
    const repeats = this.counts.size < present
    return !this.many && few && repeats && this.length / present <= NAME_LENGTH ? 'category' : 'text'
  }
}
