import { stripVTControlCharacters } from 'node:util'

/** Tables of text for terminals. */

const GAP = '  '

/** Columns of text, padded to equal width; `right` names the columns that hold numbers. */
export function table(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string[] {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, k) => {
      widths[k] = Math.max(widths[k] ?? 0, visibleLength(cell))
    })
  return rows.map((row) =>
    row
      .map((cell, k) => {
        const pad = ' '.repeat(widths[k]! - visibleLength(cell))
        return right.has(k) ? pad + cell : cell + pad
      })
      .join(GAP)
      .trimEnd(),
  )
}

/**
 * The same for a terminal of limited width. Columns that do not fit go below, in blocks that each begin with the first
 * `keep` columns. A block has at least one further column, however wide.
 */
export function foldedTable(
  rows: readonly (readonly string[])[],
  right: ReadonlySet<number>,
  width: number,
  keep = 1,
): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, k) =>
    Math.max(...rows.map((row) => visibleLength(row[k] ?? ''))),
  )
  const kept = Array.from({ length: Math.min(keep, columns) }, (_, k) => k)
  const room = width - kept.reduce((sum, k) => sum + widths[k]! + (k > 0 ? GAP.length : 0), 0)
  const blocks: number[][] = [[]]
  let used = 0
  for (let k = kept.length; k < columns; k++) {
    const needed = GAP.length + widths[k]!
    if (used > 0 && used + needed > room) {
      blocks.push([])
      used = 0
    }
    blocks.at(-1)!.push(k)
    used += needed
  }
  return blocks.flatMap((block, at) => {
    const shown = [...kept, ...block]
    const lines = table(
      rows.map((row) => shown.map((k) => row[k] ?? '')),
      new Set(shown.flatMap((k, place) => (right.has(k) ? [place] : []))),
    )
    return at === 0 ? lines : ['', ...lines]
  })
}

/** Width of a terminal in columns; unlimited when the output goes to a file or another program. */
export function widthOf(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>): number {
  // A terminal that does not know its size reports 0.
  return (stream.isTTY && stream.columns) || Number.POSITIVE_INFINITY
}

/** Length without colour codes. */
function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length
}
