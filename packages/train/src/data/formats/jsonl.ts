/** JSON lines: one JSON object per line; its keys are the columns. Blank lines are left out. */

import { DataError } from '../data-error.js'
import { shown } from '../encode/cells.js'
import type { Cell, Row, RowSource } from './raw.js'
import { textChunks } from './text-stream.js'

const MAX_LINE = 64 * 1024 * 1024
const ROWS_AT_A_TIME = 1000
const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a]
const OPENS = [0x5b, 0x7b]
const CLOSES = [0x5d, 0x7d]
/** Lines from which the names of the columns are taken. */
const HEAD_LINES = 100

/** Opens a file of JSON lines. Throws E_DATA_NOT_FOUND, E_DATA_EMPTY (not even a blank line), E_DATA_FORMAT. */
export async function openJsonLines(file: string): Promise<RowSource> {
  const columns = new Set<string>()
  let lines = 0
  for await (const { value } of jsonObjects(file)) {
    for (const key of Object.keys(value)) columns.add(key)
    if (++lines >= HEAD_LINES) break
  }
  return { kind: 'rows', format: 'jsonl', file, columns: [...columns], rows: (wanted) => rows(file, wanted) }
}

async function* rows(file: string, wanted: readonly string[]): AsyncGenerator<readonly Row[]> {
  let batch: Row[] = []
  for await (const { line, value } of jsonObjects(file)) {
    batch.push({ line, cells: wanted.map((name) => value[name]) })
    if (batch.length < ROWS_AT_A_TIME) continue
    yield batch
    batch = []
  }
  yield batch
}

export interface JsonLine {
  readonly line: number
  /** As written. */
  readonly text: string
  readonly value: Readonly<Record<string, Cell>>
}

/** The objects of a file with their lines. Throws as {@link openJsonLines}. */
export async function* jsonObjects(file: string): AsyncGenerator<JsonLine> {
  let line = 0
  for await (const text of lines(file)) {
    line++
    if (text.trim() === '') continue
    yield { line, text, value: parseLine(file, line, text) }
  }
  if (line === 0) {
    throw new DataError(
      'E_DATA_EMPTY',
      'is empty; write one JSON object per line (a node without samples has one blank line)',
      { file, line: 1 },
    )
  }
}

function parseLine(file: string, line: number, text: string): JsonLine['value'] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new DataError(
      'E_DATA_FORMAT',
      `is no JSON (${(cause as Error).message}); ${/\b(NaN|Infinity)\b/.test(text) ? 'write null for a value that is not known' : 'write one JSON object per line'}`,
      { file, line, cause },
    )
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    checkKeys(file, line, text, value)
    return value as JsonLine['value']
  }
  throw new DataError(
    'E_DATA_FORMAT',
    `is ${Array.isArray(value) ? 'a list' : shown(value as Cell)}, not an object; write for example {"text": "…", "label": "…"}`,
    { file, line },
  )
}

/** `JSON.parse` keeps the last of several values of one key. */
function checkKeys(file: string, line: number, text: string, value: object): void {
  if (keysIn(text).length === Object.keys(value).length) return
  const names = keysIn(text).map(([start, end]) => JSON.parse(text.slice(start, end)) as string)
  const twice = names.find((name, k) => names.indexOf(name) !== k)
  throw new DataError('E_DATA_COLUMN', `has the key "${twice}" twice; give each value a key of its own`, {
    file,
    line,
  })
}

/** Where the keys of a valid object stand, with their quotes; without those of objects in it. */
function keysIn(text: string): [start: number, end: number][] {
  const keys: [start: number, end: number][] = []
  let depth = 0
  let last: [start: number, end: number] = [0, 0]
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) {
      const start = at
      do at = text.indexOf('"', at + 1)
      while (isEscaped(text, at))
      last = [start, at + 1]
    } else if (char === COLON && depth === 1) keys.push(last)
    else if (OPENS.includes(char)) depth++
    else if (CLOSES.includes(char)) depth--
  }
  return keys
}

/** Whether an odd number of backslashes stands before a quote. */
function isEscaped(text: string, quote: number): boolean {
  let at = quote - 1
  while (text.charCodeAt(at) === BACKSLASH) at--
  return (quote - 1 - at) % 2 === 1
}

async function* lines(file: string): AsyncGenerator<string> {
  let rest = ''
  let count = 0
  for await (const text of textChunks(file)) {
    const parts = (rest + text).split('\n')
    rest = parts.pop() as string
    count += parts.length
    if (rest.length > MAX_LINE)
      throw new DataError('E_DATA_FORMAT', `is longer than ${MAX_LINE} characters; is this JSON lines?`, {
        file,
        line: count + 1,
      })
    yield* parts
  }
  if (rest !== '') yield rest
}
