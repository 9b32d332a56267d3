/** The bytes of a document as text, and whether they are data instead. */

import { firstInvalidUtf8, UTF8_ADVICE } from '@tempered/train'
import { LabError } from '../errors.js'

const NAMES: readonly [ending: RegExp, kind: string][] = [
  [/\.csv(\.gz)?$/i, 'a CSV file'],
  [/\.tsv(\.gz)?$/i, 'a TSV file'],
  [/\.(jsonl|ndjson)(\.gz)?$/i, 'a file of JSON lines'],
  [/\.parquet$/i, 'a Parquet file'],
  [/\.np[yz]$/i, 'a file of arrays'],
  [/\.(png|jpe?g)$/i, 'an image'],
  [/\.(xlsx?|ods)$/i, 'a spreadsheet'],
]
const MAGIC: readonly [start: string, kind: string][] = [
  ['PAR1', 'a Parquet file'],
  ['\x93NUMPY', 'a file of arrays'],
  ['PK\x03\x04', 'a zip archive'],
  ['\x1f\x8b', 'a gzip file'],
  ['\x89PNG', 'an image'],
  ['\xff\xd8\xff', 'an image'],
]
/** Bytes that decide whether a text is a table. */
const HEAD_BYTES = 64 * 1024

/** Which kind of data bytes are that cannot be a document. */
export function binaryKind(path: string, bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, 8)).toString('latin1')
  const found = MAGIC.find(([magic]) => start.startsWith(magic))
  if (found === undefined) return undefined
  return nameKind(path) ?? found[1]
}

function nameKind(path: string): string | undefined {
  return NAMES.find(([ending]) => ending.test(path))?.[1]
}

/** Which kind of data a file is that is no document, by its name and its first lines. */
export function dataKind(path: string, bytes: Uint8Array): string | undefined {
  const named = nameKind(path)
  if (named !== undefined) return named
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('utf8')
  const lines = head.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '')
  const [first = '', second] = bytes.length > HEAD_BYTES ? lines.slice(0, -1) : lines
  if (second === undefined) return undefined
  if (isJsonObject(first) && isJsonObject(second)) return 'a file of JSON lines'
  // A line of YAML that has a delimiter has brackets or a key too.
  if (/^[[{#\s-]|:(\s|$)/.test(first)) return undefined
  const counts = [',', ';', '\t', '|'].map((delimiter) =>
    [first, second].map((line) => fields(line, delimiter)),
  )
  return counts.some(([names, values]) => names !== undefined && names > 1 && names === values)
    ? 'a table (CSV)'
    : undefined
}

/** Number of values in a line; delimiters in quotes do not count. */
function fields(line: string, delimiter: string): number {
  return line.replaceAll(/"[^"]*"/g, '').split(delimiter).length
}

function isJsonObject(line: string): boolean {
  try {
    return line.startsWith('{') && typeof JSON.parse(line) === 'object'
  } catch {
    return false
  }
}

/** The text of a document. Throws E_CONFIG with line and byte for one that is not UTF-8, and for binary files. */
export function documentText(path: string, bytes: Uint8Array): string {
  const fail = (at: string, what: string): never => {
    throw new LabError('E_CONFIG', `${path}${at}: ${what}`, { path })
  }
  const [a, b] = bytes
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    fail('', 'is UTF-16, not UTF-8; save it as UTF-8')
  const zero = bytes.indexOf(0)
  if (zero >= 0) fail('', `holds a zero byte (byte ${zero}), so it is no text; name a YAML or JSON file`)
  const invalid = firstInvalidUtf8(bytes)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, invalid ?? bytes.length).toString('utf8')
  if (invalid !== undefined) {
    const lines = text.split('\n')
    const column = (lines.at(-1) as string).length + 1
    fail(`:${lines.length}:${column}`, `is not UTF-8 here (byte ${invalid}); ${UTF8_ADVICE}`)
  }
  return text
}
