/** What became of values that are missing or not listed, for the notices of a source. */

import { counted } from '@tempered/errors'
import type { Cell } from '../formats/raw.js'
import { shown } from './cells.js'
import type { CellFate, InputColumn } from './columns.js'

function isEmpty(cell: Cell): boolean {
  return cell === undefined || cell === null || (typeof cell === 'string' && cell.trim() === '')
}

interface Change {
  readonly column: number
  readonly fate: CellFate
  readonly cell: Cell
  readonly line: number
}

/** Counts what became of the values of each column, in the rows that are kept. */
export class ChangeCounts {
  private readonly columns: readonly InputColumn[]
  private readonly place: string
  /** Those of the row that is being read. */
  private row: Change[] = []
  private readonly counts = new Map<string, { readonly first: Change; count: number }>()
  private rows = 0

  /** @param place - what a line of the file is called */
  constructor(columns: readonly InputColumn[], place: string) {
    this.columns = columns
    this.place = place
  }

  note(column: number, fate: CellFate, cell: Cell, line: number): void {
    this.row.push({ column, fate, cell, line })
  }

  forget(): void {
    if (this.row.length > 0) this.row = []
  }

  keep(): void {
    this.rows++
    if (this.row.length === 0) return
    for (const change of this.row) {
      const key = `${change.column} ${change.fate}`
      const found = this.counts.get(key)
      if (found === undefined) this.counts.set(key, { first: change, count: 1 })
      else found.count++
    }
    this.row = []
  }

  /** One sentence for each column, in their order. */
  texts(): string[] {
    const found = [...this.counts.values()].sort((a, b) => a.first.column - b.first.column)
    return found.map(({ first: { column, fate, cell, line }, count }) => {
      const about = this.columns[column] as (typeof this.columns)[number]
      const values = `${counted(count, 'value')} of ${this.rows} in column "${about.name}"`
      const is = count === 1 ? 'is' : 'are'
      if (fate === 'unlisted')
        return `${values} ${is} not listed in the task and became zeros, for example ${shown(cell)}, in ${this.place} ${line}`
      const impute = typeof about.missing === 'object' ? about.missing.impute : undefined
      return `${values} ${is} missing and became ${shown(impute)}, ${isEmpty(cell) ? 'first' : `for example ${shown(cell)},`} in ${this.place} ${line}`
    })
  }
}
