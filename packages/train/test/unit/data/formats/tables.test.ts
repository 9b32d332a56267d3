import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../../lab/test/support/temporary-folder.js'
import { isMissing, numberOf } from '../../../../src/data/encode/cells.js'
import { openSource } from '../../../../src/data/formats/open-source.js'
import type { RowSource } from '../../../../src/data/formats/raw.js'
import { allRows, fixture } from '../../../support/data-files.js'

async function open(file: string): Promise<RowSource> {
  const source = await openSource(file, '')
  if (source.kind !== 'rows') throw new Error(`${file} is no table`)
  return source
}

async function rowsOf(name: string, bytes: string | Uint8Array) {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, name)
    await writeFile(file, bytes)
    const source = await open(file)
    return { source, ...(await allRows(source)) }
  })
}

/** Missing as undefined, numbers as numbers. */
const plain = (cells: readonly unknown[][]) =>
  cells.map((row) =>
    row.map((cell) => (isMissing(cell as never) ? undefined : (numberOf(cell as never) ?? cell))),
  )

const PANDAS = [
  [31, 'Köln', 1, 'no'],
  [undefined, 'Paris, 3e', 2, 'yes'],
  [47.5, 'say "hi"', undefined, 'yes'],
  [28, undefined, 4, 'no'],
]

describe('tables that pandas and pyarrow wrote', () => {
  it.each([
    'pandas.csv',
    'pandas.tsv',
    'pandas.jsonl',
    ...['none', 'snappy', 'gzip', 'zstd', 'lz4', 'brotli'].map((codec) => `pandas-${codec}.parquet`),
  ])('reads %s', async (name) => {
    const source = await open(fixture(name))
    expect(source.columns).toEqual(['age', 'city', 'seen', 'label'])
    expect(plain((await allRows(source)).cells)).toEqual(PANDAS)
  })

  it('reads Parquet over several row groups, and only the columns asked for', async () => {
    const source = await open(fixture('groups.parquet'))
    const { cells, lines } = await allRows(source, ['odd', 'half'])
    expect(cells).toEqual(Array.from({ length: 25 }, (_, k) => [k % 2 === 1, k / 2]))
    expect(lines).toEqual(Array.from({ length: 25 }, (_, k) => k + 1))
  })
})

describe('CSV', () => {
  it.each([
    ['commas', 't.csv', 'a,b\n1,2\n'],
    ['semicolons', 't.csv', 'a;b\n1;2\n'],
    ['bars', 't.csv', 'a|b\n1|2\n'],
    ['tabs', 't.tsv', 'a\tb\n1\t2\n'],
    ['delimiters in quoted names', 't.csv', '"a",b\n1,2'],
    ['CRLF and a byte order mark', 't.csv', '\ufeffa,b\r\n1,2\r\n'],
    ['CR', 't.csv', 'a,b\r1,2\r'],
    ['blank lines', 't.csv', 'a,b\n\n1,2\n\n'],
    ['gzip', 't.csv.gz', gzipSync('a,b\n1,2\n')],
    ['no extension', 'table.data', 'a,b\n1,2\n'],
  ])('reads %s', async (_, name, bytes) => {
    const { source, cells } = await rowsOf(name, bytes)
    expect(source.columns).toEqual(['a', 'b'])
    expect(cells).toEqual([['1', '2']])
  })

  it('keeps quotes, delimiters and line ends in values, and counts lines', async () => {
    const { cells, lines } = await rowsOf('t.csv', 'a,b\n"x,1","two\nlines"\n"say ""hi""",\n3,4\n')
    expect(cells).toEqual([
      ['x,1', 'two\nlines'],
      ['say "hi"', ''],
      ['3', '4'],
    ])
    expect(lines).toEqual([2, 4, 5])
  })

  it.each([
    ['CRLF, then LF', 'a,b\r\n1,2\r\n3,4\n5,6\n'],
    ['LF, then CRLF', 'a,b\n1,2\n3,4\r\n5,6\r\n'],
    ['LF, then CR', 'a,b\n1,2\r3,4\r5,6'],
    ['several, with quotes', 'a,b\r\n"1",2\n3,"4"\r5,"6"\r\n'],
  ])('ends every row at its own line end: %s', async (_, text) => {
    const { cells, lines } = await rowsOf('t.csv', text)
    expect(cells).toEqual([
      ['1', '2'],
      ['3', '4'],
      ['5', '6'],
    ])
    expect(lines).toEqual([2, 3, 4])
  })

  it('ends rows at the borders of pieces', async () => {
    const rows = 200_000
    const text = `a,b\r\n${Array.from({ length: rows }, (_, k) => `${k},x${k % 3 === 0 ? '\n' : '\r\n'}`).join('')}`
    const { cells, lines } = await rowsOf('t.csv', text)
    expect(cells).toHaveLength(rows)
    expect(cells.every(([a, b], k) => a === String(k) && b === 'x')).toBe(true)
    expect(lines.at(-1)).toBe(rows + 1)
  })

  it('counts CRLF in quotes as one line', async () => {
    const { lines } = await rowsOf('t.csv', 'a,b\r\n"x\r\ny",2\r\n"x\ry",3\r\n4,5\r\n')
    expect(lines).toEqual([2, 4, 6])
  })

  it('names columns without a name', async () => {
    expect((await rowsOf('t.csv', ',b,\n1,2,3\n')).source.columns).toEqual(['column 1', 'b', 'column 3'])
  })

  it('reads characters across the borders of pieces', async () => {
    const text = `a\n${'äß€😀'.repeat(60_000)}\n`
    const { cells } = await rowsOf('t.csv', text)
    expect(cells[0]?.[0]).toBe('äß€😀'.repeat(60_000))
  })

  it('has no rows when there is only a header', async () => {
    expect((await rowsOf('t.csv', 'a,b\n')).cells).toEqual([])
  })
})

describe('JSON lines', () => {
  it('reads objects, missing keys and blank lines', async () => {
    const { source, cells, lines } = await rowsOf('t.jsonl', '{"a":1}\n\n{"b":"x","a":null}\n')
    expect(source.columns).toEqual(['a', 'b'])
    expect(cells).toEqual([
      [1, undefined],
      [null, 'x'],
    ])
    expect(lines).toEqual([1, 3])
  })

  it('has no samples when there is only a blank line', async () => {
    expect((await rowsOf('t.jsonl', '\n')).cells).toEqual([])
  })
})
