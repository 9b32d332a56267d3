/** CSV and TSV: a header line with names, one row per line, quotes as in RFC 4180, UTF-8; every line may end in CRLF, LF or CR. */

import { pipeline, Readable } from 'node:stream'
import { counted } from '@tempered/errors'
import { type CsvError, parse } from 'csv-parse'
import { DataError } from '../data-error.js'
import { findQuoteFault } from './csv-quotes.js'
import type { Row, RowSource } from './raw.js'
import { textChunks } from './text-stream.js'

/** The longest row, in characters: a quote that is never closed must not read the whole file. */
const MAX_ROW = 16 * 1024 * 1024
const ROWS_AT_A_TIME = 1000
const LINE_END = /\r\n|\n|\r/
const LINE_ENDS = /\r\n?/g
const DELIMITERS = [',', ';', '\t', '|'] as const

/**
 * Opens a table. Names that end in .tsv have tabs; otherwise the delimiter is the one of `, ; tab |` that is most
 * frequent in the header line. Columns without a name are called `column 1`, `column 2`, …
 * Throws E_DATA_NOT_FOUND, E_DATA_EMPTY, E_DATA_COLUMN (two of the same name), E_DATA_FORMAT.
 */
export async function openCsv(file: string): Promise<RowSource> {
  const tabs = /\.tsv(\.gz)?$/i.test(file)
  const delimiter = tabs ? '\t' : await sniffDelimiter(file)
  let header: string[] | undefined
  for await (const record of records(file, delimiter)) {
    if (isBlank(record)) continue
    header = record
    break
  }
  if (header === undefined)
    throw new DataError('E_DATA_EMPTY', 'is empty; the first line must name the columns', { file, line: 1 })
  const columns = header.map((name, k) => (name.trim() === '' ? `column ${k + 1}` : name.trim()))
  checkNames(file, columns)
  return {
    kind: 'rows',
    format: tabs ? 'tsv' : 'csv',
    file,
    columns,
    rows: (wanted) => csvRows(file, delimiter, columns, wanted),
  }
}

function checkNames(file: string, columns: readonly string[]): void {
  const twice = columns.find((name, k) => columns.indexOf(name) !== k)
  if (twice === undefined) return
  throw new DataError(
    'E_DATA_COLUMN',
    `names the column "${twice}" twice; the first line must name every column once`,
    { file, line: 1 },
  )
}

async function sniffDelimiter(file: string): Promise<string> {
  let start = ''
  for await (const text of textChunks(file)) {
    start += text
    if (/[\r\n]/.test(start) || start.length > 100_000) break
  }
  // Delimiters in quotes do not count.
  const line = (start.split(LINE_END, 1)[0] as string).replaceAll(/"[^"]*"/g, '')
  const count = (delimiter: string): number => line.split(delimiter).length
  return DELIMITERS.reduce<string>((best, next) => (count(next) > count(best) ? next : best), ',')
}

/** Records as they are; a blank line is a record of one empty value. */
async function* records(file: string, delimiter: string): AsyncGenerator<string[]> {
  // Its own counting of lines (`info`) would double the time.
  const parser = parse({
    delimiter,
    record_delimiter: '\n',
    relax_column_count: true,
    max_record_size: MAX_ROW,
  })
  const source = Readable.from(withLineFeeds(textChunks(file)))
  pipeline(source, parser, () => undefined)
  try {
    for await (const record of parser) yield record as string[]
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    throw await csvError(file, delimiter, cause as CsvError)
  } finally {
    source.destroy()
  }
}

/**
 * The same with every line end outside quotes as a line feed: files of several programs have several, and the parser
 * needs half as long again to look for all of them.
 */
async function* withLineFeeds(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let isQuoted = false
  let held = ''
  for await (const chunk of chunks) {
    let text = held + chunk
    // It may be half of a CRLF.
    held = text.endsWith('\r') ? '\r' : ''
    text = text.slice(0, text.length - held.length)
    const parts = text.split('"')
    if (text.includes('\r'))
      for (let k = isQuoted ? 1 : 0; k < parts.length; k += 2)
        parts[k] = (parts[k] as string).replaceAll(LINE_ENDS, '\n')
    if (parts.length % 2 === 0) isQuoted = !isQuoted
    if (text !== '') yield parts.join('"')
  }
  if (held !== '') yield isQuoted ? held : '\n'
}

function isBlank(record: readonly string[]): boolean {
  return record.length === 1 && record[0] === ''
}

/** Lines of the file that a record takes. */
function linesOf(record: readonly string[]): number {
  let lines = 1
  for (const value of record) if (/[\r\n]/.test(value)) lines += value.split(LINE_END).length - 1
  return lines
}

async function csvError(file: string, delimiter: string, cause: CsvError): Promise<DataError> {
  const fault = await findQuoteFault(textChunks(file), delimiter, MAX_ROW).catch(() => undefined)
  const line = fault?.opened
  const refuse = (what: string) => new DataError('E_DATA_FORMAT', what, { file, line, cause })
  if (fault === undefined && cause.code === 'CSV_MAX_RECORD_SIZE')
    return new DataError(
      'E_DATA_FORMAT',
      `a row is longer than ${MAX_ROW} characters; check that lines end where rows do`,
      { file, line: typeof cause.lines === 'number' ? cause.lines : undefined, cause },
    )
  if (fault === undefined) return refuse(cause.message)
  const { kind, opened } = fault
  if (kind === 'open')
    return refuse('a quote is opened here and never closed; close it, or write "" for a quote in a value')
  if (kind === 'inside')
    return refuse('a quote in the middle of a value; put the whole value in quotes and write "" for it')
  if (fault.line === opened) return refuse('text follows a closing quote; write "" for a quote in a value')
  return refuse(
    `the quote that is opened here ends in line ${fault.line}, where text follows it; close it where the value ends, ` +
      'or write "" for a quote in a value',
  )
}

async function* csvRows(
  file: string,
  delimiter: string,
  columns: readonly string[],
  wanted: readonly string[],
): AsyncGenerator<readonly Row[]> {
  const places = wanted.map((name) => columns.indexOf(name))
  let rows: Row[] = []
  let header = true
  let next = 1
  for await (const record of records(file, delimiter)) {
    const line = next
    next += linesOf(record)
    if (header) {
      header = isBlank(record)
      continue
    }
    // A blank line is no row; of one column it is a missing value.
    if (columns.length > 1 && isBlank(record)) continue
    if (record.length !== columns.length) {
      throw new DataError(
        'E_DATA_FORMAT',
        `has ${counted(record.length, 'value')}, but the header names ${columns.length} columns; ` +
          (record.length > columns.length
            ? 'put values that contain the delimiter in quotes'
            : 'add those that are missing, with nothing between two delimiters for a value that is not known'),
        { file, line },
      )
    }
    rows.push({ line, cells: places.map((k) => record[k]) })
    if (rows.length < ROWS_AT_A_TIME) continue
    yield rows
    rows = []
  }
  yield rows
}
