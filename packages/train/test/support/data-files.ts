import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Cell, RowSource } from '../../src/data/formats/raw.js'

/** A file that another library wrote, see fixtures/make-fixtures.py. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
}

/** What is in it, row-major, as the library that wrote it reads it back. */
export function contentsOf(name: string): { shape: number[]; values: number[] } {
  return JSON.parse(readFileSync(fixture('fixtures.json'), 'utf8'))[name]
}

/** All rows of a source with the lines on which they are. */
export async function allRows(
  source: RowSource,
  columns: readonly string[] = source.columns,
): Promise<{ cells: Cell[][]; lines: number[] }> {
  const cells: Cell[][] = []
  const lines: number[] = []
  for await (const batch of source.rows(columns))
    for (const row of batch) {
      cells.push([...row.cells])
      lines.push(row.line)
    }
  return { cells, lines }
}
