import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crc32, deflateRawSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../lab/test/support/temporary-folder.js'
import { DataError, type DataErrorCode } from '../../../src/data/data-error.js'
import { inspectSource } from '../../../src/data/inspect/inspect-source.js'
import { loadData } from '../../../src/data/load-data.js'
import type { OpenTask } from '../../../src/task/task.js'
import { npy, zip } from '../../support/bad-files.js'
import { fixture } from '../../support/data-files.js'
import { ownTask } from '../../support/own-task.js'

const table = ownTask(
  {
    type: 'table',
    columns: [
      { name: 'a', type: 'number' },
      { name: 'kind', type: 'category', values: ['red', 'green'] },
    ],
  },
  { type: 'class', column: 'label', classes: ['yes', 'no'] },
)
const numbers = ownTask(
  { type: 'table', columns: [{ name: 'a', type: 'number' }] },
  { type: 'number', columns: [{ name: 'b' }] },
)
const marks = ownTask(
  { type: 'table', columns: [{ name: 'a', type: 'number' }] },
  { type: 'labels', columns: ['b'] },
)
const counted = ownTask(
  { type: 'table', columns: [{ name: 'a', type: 'number' }] },
  { type: 'class', column: 'b', classes: 3 },
)
const text = ownTask({ type: 'text', length: 4, unit: 'byte' }, { type: 'class', classes: ['x', 'y'] })
const tensor = ownTask({ type: 'tensor', shape: [2] }, { type: 'class', classes: 2 })
const image = ownTask({ type: 'image', shape: [3, 2, 3] }, { type: 'class', classes: ['cat', 'dog'] })

type Contents = string | Uint8Array
interface Case {
  readonly name: string
  /** Files by path; the first is the source, or the folder when `source` is empty. */
  readonly files: Readonly<Record<string, Contents | Promise<Contents>>>
  readonly source?: string
  readonly task?: OpenTask
  readonly code: DataErrorCode
  readonly line?: number
  readonly offset?: number
  readonly message: RegExp
}

const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer)
const xy = (x: Buffer, y: Buffer = npy('|u1', '2,', Buffer.from([0, 1]))) => ({ 'd/x.npy': x, 'd/y.npy': y })
const stored = (...names: string[]) =>
  names.map((name) => ({ name, bytes: Buffer.from('x'), crc: crc32('x'), length: 1, method: 0 }))
const png = () => readFile(fixture('rgb.png'))
const jpg = () => readFile(fixture('rgb.jpg'))
const parquet = () => readFile(fixture('pandas-snappy.parquet'))
const npz = () => readFile(fixture('plain.npz'))
const record = (label: number) => Buffer.concat([Buffer.from([label]), Buffer.alloc(3072)])
const csv = (lines: string) => ({ 't.csv': `a,kind,label\n${lines}` })

/** PNG header that claims a size. */
async function claimingPng(width: number): Promise<Buffer> {
  const bytes = Buffer.from(await png())
  bytes.writeUInt32BE(width, 16)
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29)
  return bytes
}

/** A grey PNG whose rows of pixels are changed before they are packed. */
function pngOf(width: number, height: number, change: (rows: Buffer) => Buffer): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  const chunk = (name: string, bytes: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), bytes])
    const out = Buffer.alloc(12 + bytes.length)
    out.writeUInt32BE(bytes.length, 0)
    body.copy(out, 4)
    out.writeUInt32BE(crc32(body), 8 + bytes.length)
    return out
  }
  const pixels = deflateSync(change(Buffer.alloc((width + 1) * height)))
  const start = Buffer.from('89504e470d0a1a0a', 'hex')
  return Buffer.concat([start, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))])
}

/** An IDX file of bytes. */
function idx(rank: number, dimensions: readonly number[], value = 0): Buffer {
  const head = Buffer.alloc(4 + 4 * rank)
  head[2] = 8
  head[3] = rank
  dimensions.forEach((size, k) => {
    head.writeUInt32BE(size, 4 + 4 * k)
  })
  return Buffer.concat([
    head,
    Buffer.alloc(
      dimensions.reduce((a, b) => a * b),
      value,
    ),
  ])
}

function isGzip(bytes: Uint8Array): boolean {
  try {
    return gunzipSync(bytes).length > 0
  } catch {
    return false
  }
}

/** Noise in the middle of a long table. */
function damagedGzip(): Buffer {
  const rows = Array.from({ length: 100_000 }, (_, k) => `${(k * 7919) % 10_007},red,yes`)
  const bytes = gzipSync(`a,kind,label\n${rows.join('\n')}\n`)
  return bytes.fill(0x55, bytes.length >> 1, (bytes.length >> 1) + 40)
}

const zeros = npy('<f8', '100000,', Buffer.alloc(800_000))
const packed = deflateRawSync(zeros)

const CASES: readonly Case[] = [
  // tables
  {
    name: 'a CSV file of no bytes',
    files: { 't.csv': '' },
    code: 'E_DATA_EMPTY',
    line: 1,
    message: /is empty/,
  },
  {
    name: 'a row with too many values',
    files: csv('1,red,yes\n1,red,yes,4\n'),
    code: 'E_DATA_FORMAT',
    line: 3,
    message: /has 4 values, but the header names 3/,
  },
  {
    name: 'a row with too few values',
    files: csv('1,red\n'),
    code: 'E_DATA_FORMAT',
    line: 2,
    message: /has 2 values, but the header names 3 columns; add those that are missing/,
  },
  {
    name: 'a text for a number',
    files: csv('1,red,yes\nmany,red,no\n'),
    code: 'E_DATA_VALUE',
    line: 3,
    message: /"a" has "many", which is no number/,
  },
  {
    name: 'a decimal comma',
    files: csv('"1,5",red,yes\n'),
    code: 'E_DATA_VALUE',
    line: 2,
    message: /decimals with a point/,
  },
  { name: 'infinity', files: csv('inf,red,yes\n'), code: 'E_DATA_VALUE', line: 2, message: /finite/ },
  {
    name: 'NaN',
    files: csv('NaN,red,yes\n'),
    code: 'E_DATA_VALUE',
    line: 2,
    message: /"a" has "NaN" here, which counts as no value/,
  },
  {
    name: 'a number beyond float32',
    files: csv('-1e39,red,yes\n'),
    code: 'E_DATA_VALUE',
    line: 2,
    message: /column "a" has -1e\+39, which does not fit into a 32-bit float/,
  },
  {
    name: 'a number that the scale of its column carries beyond float32',
    files: { 't.csv': 'a,b\n1,2\n1e30,2\n' },
    task: ownTask(
      { type: 'table', columns: [{ name: 'a', type: 'number', deviation: 1e-10 }] },
      { type: 'number', columns: [{ name: 'b' }] },
    ),
    code: 'E_DATA_VALUE',
    line: 3,
    message: /as the task scales it does not fit/,
  },
  {
    name: 'a number to predict beyond float32',
    files: { 't.csv': 'a,b\n1,1e39\n' },
    task: numbers,
    code: 'E_DATA_VALUE',
    line: 2,
    message: /column "b" has 1e\+39, which does not fit/,
  },
  {
    name: 'an array that the scale of its task carries beyond float32',
    files: xy(npy('<f4', '2, 2', floats(1, 2, 1e30, 3))),
    source: 'd',
    task: ownTask({ type: 'tensor', shape: [2], deviation: 1e-10 }, { type: 'class', classes: 2 }),
    code: 'E_DATA_VALUE',
    message: /number 0 of sample 1 of .* is Infinity/,
  },
  {
    name: 'a number beyond all bounds',
    files: csv('1e999,red,yes\n'),
    code: 'E_DATA_VALUE',
    line: 2,
    message: /finite/,
  },
  {
    name: 'a missing value',
    files: csv(',red,yes\n'),
    code: 'E_DATA_VALUE',
    line: 2,
    message: /missing: drop/,
  },
  {
    name: 'an unknown value of a category',
    files: csv('1,rad,yes\n'),
    code: 'E_DATA_VALUE',
    line: 2,
    message: /did you mean "red"/,
  },
  {
    name: 'a label that is no class',
    files: csv('1,red,yess\n'),
    code: 'E_LABEL_RANGE',
    line: 2,
    message: /not a class of the task \(yes, no\).*did you mean "yes"/,
  },
  {
    name: 'a missing label',
    files: csv('1,red,\n'),
    code: 'E_DATA_VALUE',
    line: 2,
    message: /remove the row/,
  },
  {
    name: 'a missing column',
    files: { 't.csv': 'a,kidn,label\n1,red,yes\n' },
    code: 'E_DATA_COLUMN',
    line: 1,
    message: /no column "kind".*did you mean "kidn"/,
  },
  {
    name: 'a column named twice',
    files: { 't.csv': 'a,a,label\n1,2,yes\n' },
    code: 'E_DATA_COLUMN',
    line: 1,
    message: /"a" twice/,
  },
  {
    name: 'a quote that is never closed',
    files: csv('1,"red,yes\n1,red,no\n'),
    code: 'E_DATA_FORMAT',
    line: 2,
    message: /opened here and never closed/,
  },
  {
    name: 'a quote that is never closed after lines in quotes',
    files: csv('1,"red\r\n or\r\n so",yes\r\n1,"red,yes\r\n1,red,no\r\n'),
    code: 'E_DATA_FORMAT',
    line: 5,
    message: /opened here and never closed/,
  },
  {
    name: 'a quote that is closed where the next one opens',
    files: csv('1,red,yes\n1,"red,yes\n1,"red",no\n'),
    code: 'E_DATA_FORMAT',
    line: 3,
    message: /ends in line 4, where text follows/,
  },
  {
    name: 'a quote in the middle of a value',
    files: csv('1,red,yes\n1,5" red,no\n'),
    code: 'E_DATA_FORMAT',
    line: 3,
    message: /middle of a value/,
  },
  {
    name: 'text after a quote',
    files: csv('1,"red"x,yes\n'),
    code: 'E_DATA_FORMAT',
    line: 2,
    message: /quote/,
  },
  {
    name: 'Latin-1',
    files: { 't.csv': Buffer.from('a,kind,label\n1,gr\xfcn,yes\n', 'latin1') },
    code: 'E_DATA_FORMAT',
    offset: 17,
    message: /not UTF-8/,
  },
  {
    name: 'UTF-16',
    files: { 't.csv': Buffer.from('\ufeffa,b\n', 'utf16le') },
    code: 'E_DATA_FORMAT',
    offset: 0,
    message: /UTF-16/,
  },
  {
    name: 'bytes that are no text',
    files: { 't.csv': Buffer.from([97, 44, 0, 1, 2]) },
    code: 'E_DATA_FORMAT',
    offset: 2,
    message: /zero byte/,
  },
  {
    name: 'a character cut off at the end',
    files: { 't.csv': Buffer.from([97, 10, 0xe2, 0x82]) },
    code: 'E_DATA_FORMAT',
    offset: 2,
    message: /not UTF-8/,
  },
  {
    name: 'a truncated .gz',
    files: { 't.csv.gz': gzipSync('a,kind,label\n'.repeat(100)).subarray(0, 30) },
    code: 'E_GZIP_TRUNCATED',
    message: /ends too early/,
  },
  {
    name: 'a .gz that is none',
    files: { 't.csv.gz': 'a,kind,label\n' },
    code: 'E_GZIP_CORRUPT',
    message: /is not compressed, although its name ends in \.gz/,
  },
  {
    name: 'a compressed file without .gz',
    files: { 't.csv': gzipSync('a,kind,label\n1,red,yes\n') },
    code: 'E_DATA_FORMAT',
    message: /is compressed \(gzip\).*add \.gz/,
  },
  ...['t.xlsx', 't.csv', 'book'].map((name) => ({
    name: `an Excel workbook called ${name}`,
    files: { [name]: zip(stored('docProps/app.xml', 'xl/worksheets/sheet1.xml', '[Content_Types].xml')) },
    code: 'E_DATA_FORMAT' as const,
    message: /is an Excel workbook; save the sheet as CSV \(UTF-8\)/,
  })),
  {
    name: 'an OpenDocument spreadsheet',
    files: {
      't.ods': Buffer.concat([
        Buffer.from('PK\x03\x04', 'latin1'),
        Buffer.alloc(26),
        Buffer.from('mimetypeapplication/vnd.oasis.opendocument.spreadsheet'),
      ]),
    },
    code: 'E_DATA_FORMAT',
    message: /is an OpenDocument spreadsheet; save the sheet as CSV/,
  },
  {
    name: 'an old Excel workbook',
    files: { 't.xls': Buffer.from('d0cf11e0a1b11ae1000000', 'hex') },
    code: 'E_DATA_FORMAT',
    message: /is an old Excel workbook/,
  },
  {
    name: 'an empty folder called .csv',
    files: { 'x.csv/.keep': '' },
    source: 'x.csv',
    code: 'E_DATA_EMPTY',
    message: /is an empty folder/,
  },
  {
    name: 'a label beyond the classes',
    files: { 't.csv': 'a,b\n1,2\n1,3\n' },
    task: counted,
    code: 'E_LABEL_RANGE',
    line: 3,
    message: /from 0 to 2/,
  },
  {
    name: 'a negative label',
    files: { 't.csv': 'a,b\n1,-1\n' },
    task: counted,
    code: 'E_LABEL_RANGE',
    line: 2,
    message: /from 0 to 2/,
  },
  {
    name: 'a fraction as a label',
    files: { 't.csv': 'a,b\n1,0.5\n' },
    task: counted,
    code: 'E_LABEL_RANGE',
    line: 2,
    message: /whole numbers/,
  },
  {
    name: 'a text for a number to predict',
    files: { 't.csv': 'a,b\n1,x\n' },
    task: numbers,
    code: 'E_DATA_VALUE',
    line: 2,
    message: /"b" has "x"/,
  },
  {
    name: 'a 2 where 0 or 1 belongs',
    files: { 't.csv': 'a,b\n1,2\n' },
    task: marks,
    code: 'E_DATA_VALUE',
    line: 2,
    message: /write 0 or 1/,
  },
  {
    name: 'a table for a task of images',
    files: csv('1,red,yes\n'),
    task: image,
    code: 'E_DATA_MISMATCH',
    message: /is a table, but the task takes images/,
  },
  {
    name: 'a .gz damaged in the middle, whose text goes wrong before its end',
    files: { 't.csv.gz': damagedGzip() },
    code: 'E_GZIP_CORRUPT',
    message: /compressed data is damaged/,
  },
  {
    name: 'a row of millions of characters',
    files: csv(`1,red,yes\n1,${'r'.repeat(17_000_000)},yes\n`),
    code: 'E_DATA_FORMAT',
    line: 3,
    message: /longer than 16777216 characters/,
  },
  {
    name: 'half of a workbook',
    files: { 't.xlsx': zip(stored('docProps/app.xml')).subarray(0, 40) },
    code: 'E_DATA_FORMAT',
    message: /is a spreadsheet by its name; save the sheet as CSV/,
  },
  {
    name: 'a pointer of Git LFS',
    files: { 't.csv': 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n' },
    code: 'E_DATA_FORMAT',
    message: /git lfs pull/,
  },
  {
    name: 'a web page',
    files: { 't.csv': '<!DOCTYPE html>\n<html></html>\n' },
    code: 'E_DATA_FORMAT',
    message: /web page/,
  },
  {
    name: 'JSON lines called .csv',
    files: { 't.csv': '{"a": 1, "kind": "red", "label": "yes"}\n' },
    code: 'E_DATA_FORMAT',
    message: /name it \.jsonl/,
  },
  // JSON lines
  {
    name: 'one JSON list',
    files: { 't.json': '[\n {"a": 1}\n]\n' },
    code: 'E_DATA_FORMAT',
    line: 1,
    message: /one JSON list; write one JSON object per line/,
  },
  {
    name: 'a key twice',
    files: {
      't.jsonl': '{"text":"a:b{","label":"x"}\n{"te\\u0078t":"\\"","o":{"o":1},"text":"b","label":"x"}\n',
    },
    task: text,
    code: 'E_DATA_COLUMN',
    line: 2,
    message: /has the key "text" twice/,
  },
  {
    name: 'a line that is no JSON',
    files: { 't.jsonl': '{"text":"a","label":"x"}\n{"text":\n' },
    task: text,
    code: 'E_DATA_FORMAT',
    line: 2,
    message: /is no JSON/,
  },
  {
    name: 'a line that is no object',
    files: { 't.jsonl': '\n["a"]\n' },
    task: text,
    code: 'E_DATA_FORMAT',
    line: 2,
    message: /is a list, not an object/,
  },
  {
    name: 'JSON lines of no bytes',
    files: { 't.jsonl': '' },
    task: text,
    code: 'E_DATA_EMPTY',
    message: /is empty/,
  },
  {
    name: 'a text that is missing',
    files: { 't.jsonl': '{"text":"a","label":"x"}\n{"label":"x"}\n' },
    task: text,
    code: 'E_DATA_VALUE',
    line: 2,
    message: /"text" has no value/,
  },
  {
    name: 'a key that is missing everywhere',
    files: { 't.jsonl': '{"txt":"a","label":"x"}\n' },
    task: text,
    code: 'E_DATA_COLUMN',
    message: /no column "text".*"txt"/,
  },
  // Parquet
  {
    name: 'Parquet without its end',
    files: { 't.parquet': parquet().then((b) => b.subarray(0, 900)) },
    code: 'E_DATA_FORMAT',
    offset: 896,
    message: /cut off/,
  },
  {
    name: 'Parquet without its beginning',
    files: { 't.parquet': parquet().then((b) => b.subarray(9)) },
    code: 'E_DATA_FORMAT',
    offset: 0,
    message: /no Parquet file/,
  },
  {
    name: 'Parquet of a few bytes',
    files: { 't.parquet': 'PAR1' },
    code: 'E_DATA_FORMAT',
    message: /Parquet/,
  },
  {
    name: 'Parquet without a footer',
    files: { 't.parquet': Buffer.from('PAR1\0\0\0\0\0\0\0\0PAR1') },
    code: 'E_DATA_FORMAT',
    offset: 8,
    message: /footer of 0 bytes .* damaged; write it again/,
  },
  {
    name: 'a footer longer than the file',
    files: {
      't.parquet': parquet().then((b) => {
        const c = Buffer.from(b)
        c.writeUInt32LE(0x7fffffff, c.length - 8)
        return c
      }),
    },
    code: 'E_DATA_FORMAT',
    message: /announces a footer/,
  },
  {
    name: 'a footer of noise',
    files: {
      't.parquet': parquet().then((b) => {
        const c = Buffer.from(b)
        c.fill(0xee, c.length - 600, c.length - 8)
        return c
      }),
    },
    code: 'E_DATA_FORMAT',
    message: /damaged/,
  },
  {
    name: 'a packed page of Parquet whose checksum is wrong',
    files: {
      't.parquet': readFile(fixture('pandas-gzip.parquet')).then((b) => {
        const c = Buffer.from(b)
        // The checksum stands eight bytes before the end of what is packed.
        const start = c.indexOf(Buffer.from([0x1f, 0x8b]))
        let end = start + 18
        while (!isGzip(c.subarray(start, end))) end++
        const place = end - 8
        c[place] = (c[place] as number) ^ 255
        return c
      }),
    },
    task: ownTask(
      { type: 'table', columns: [{ name: 'age', type: 'number', missing: 'drop' }] },
      { type: 'class', classes: ['yes', 'no'] },
    ),
    code: 'E_DATA_FORMAT',
    message: /damaged/,
  },
  {
    name: 'Parquet pages of noise',
    files: {
      't.parquet': parquet().then((b) => {
        const c = Buffer.from(b)
        c.fill(0xff, 4, 120)
        return c
      }),
    },
    task: ownTask(
      { type: 'table', columns: [{ name: 'age', type: 'number', missing: 'drop' }] },
      { type: 'class', classes: ['yes', 'no'] },
    ),
    code: 'E_DATA_FORMAT',
    message: /damaged/,
  },
  // arrays
  {
    name: 'a wrong magic number',
    files: xy(Buffer.from('NOTNUMPY and more bytes')),
    source: 'd',
    task: tensor,
    code: 'E_DATA_FORMAT',
    offset: 0,
    message: /NPY/,
  },
  {
    name: 'an unknown version',
    files: xy(Buffer.from('\x93NUMPY\x09\x00\x10\x00'.padEnd(40), 'latin1')),
    source: 'd',
    task: tensor,
    code: 'E_DATA_FORMAT',
    offset: 6,
    message: /version 9/,
  },
  {
    name: 'Python objects',
    files: xy(npy('|O', '2,', Buffer.alloc(16))),
    source: 'd',
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /never unpickled/,
  },
  {
    name: 'complex numbers',
    files: xy(npy('<c8', '2, 2', Buffer.alloc(32))),
    source: 'd',
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /complex numbers \(<c8\); save their parts/,
  },
  {
    name: 'big-endian numbers',
    files: xy(npy('>f4', '2, 2', Buffer.alloc(16))),
    source: 'd',
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /big-endian/,
  },
  {
    name: 'a Fortran array without dimensions',
    files: xy(npy('<f4', '', Buffer.alloc(4), 'True')),
    source: 'd',
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /single number/,
  },
  {
    name: 'a header of huge sizes',
    files: xy(npy('<f4', '9999999999, 99999', Buffer.alloc(16))),
    source: 'd',
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /announces/,
  },
  {
    name: 'a truncated array',
    files: xy(npy('<f4', '2, 2', floats(1, 2, 3))),
    source: 'd',
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /fetch or save it again/,
  },
  {
    name: 'NaN in an array',
    files: xy(npy('<f4', '2, 2', floats(1, 2, 3, Number.NaN))),
    source: 'd',
    task: tensor,
    code: 'E_DATA_VALUE',
    message: /number 1 of sample 1.*NaN/,
  },
  {
    name: 'an array beyond float32',
    files: xy(npy('<f8', '2, 2', Buffer.from(Float64Array.of(1, 2, 3, 1e300).buffer))),
    source: 'd',
    task: tensor,
    code: 'E_DATA_VALUE',
    message: /number 3 is 1e\+300, more than float32 holds/,
  },
  {
    name: 'an array of another shape',
    files: xy(npy('<f4', '2, 3', floats(1, 2, 3, 4, 5, 6))),
    source: 'd',
    task: tensor,
    code: 'E_DATA_MISMATCH',
    message: /samples of 3, but the task own takes 2/,
  },
  {
    name: 'more labels than samples',
    files: xy(npy('<f4', '3, 2', floats(1, 2, 3, 4, 5, 6))),
    source: 'd',
    task: tensor,
    code: 'E_DATA_MISMATCH',
    message: /x has 3 samples, but y 2/,
  },
  {
    name: 'a label of no class',
    files: xy(npy('<f4', '2, 2', floats(1, 2, 3, 4)), npy('|u1', '2,', Buffer.from([0, 2]))),
    source: 'd',
    task: tensor,
    code: 'E_LABEL_RANGE',
    message: /label 2 of sample 1/,
  },
  {
    name: 'labels as marks',
    files: xy(npy('<f4', '2, 2', floats(1, 2, 3, 4)), npy('|u1', '2, 2', Buffer.alloc(4))),
    source: 'd',
    task: tensor,
    code: 'E_DATA_MISMATCH',
    message: /argmax/,
  },
  {
    name: 'an array without targets',
    files: { 'z.npy': npy('<f4', '2, 2', floats(1, 2, 3, 4)) },
    task: tensor,
    code: 'E_DATA_MISMATCH',
    message: /what is to be predicted/,
  },
  {
    name: 'channels first',
    files: xy(npy('|u1', '2, 3, 3, 2', Buffer.alloc(36))),
    source: 'd',
    task: image,
    code: 'E_DATA_MISMATCH',
    message: /transpose/,
  },
  {
    name: 'image fractions above 1',
    files: xy(
      npy('<f4', '1, 3, 2, 3', floats(...Array<number>(18).fill(200))),
      npy('|u1', '1,', Buffer.from([0])),
    ),
    source: 'd',
    task: image,
    code: 'E_DATA_VALUE',
    message: /astype\('uint8'\)/,
  },
  // NPZ
  {
    name: 'a truncated NPZ',
    files: { 't.npz': npz().then((b) => b.subarray(0, 300)) },
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /no zip of arrays, or damaged/,
  },
  {
    name: 'an NPZ with a flipped byte',
    files: {
      't.npz': npz().then((b) => {
        const c = Buffer.from(b)
        const at = c.indexOf(floats(5))
        c[at] = 9
        return c
      }),
    },
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /checksum/,
  },
  {
    name: 'an NPZ without x',
    files: {
      't.npz': zip([
        { name: 'images.npy', bytes: zeros, crc: crc32(zeros), length: zeros.length, method: 0 },
      ]),
    },
    task: tensor,
    code: 'E_DATA_MISMATCH',
    message: /no array x.*images/,
  },
  {
    name: 'an NPZ that claims to unpack to terabytes',
    files: {
      't.npz': zip([{ name: 'x.npy', bytes: packed, crc: crc32(zeros), length: 0xfffffff0, method: 8 }]),
    },
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /cannot hold/,
  },
  {
    name: 'an NPZ that unpacks to more than it claims',
    files: { 't.npz': zip([{ name: 'x.npy', bytes: packed, crc: crc32(zeros), length: 1000, method: 8 }]) },
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /announces|too many bytes/,
  },
  {
    name: 'a table in a zip',
    files: { 't.zip': zip(stored('t.csv')) },
    task: tensor,
    code: 'E_DATA_FORMAT',
    message: /is a zip without arrays \(it holds t.csv\); unpack it/,
  },
  // images
  {
    name: 'an image of another size',
    files: { 'i/cat/1.png': png(), 'i/dog/2.jpg': jpg() },
    source: 'i',
    code: 'E_DATA_MISMATCH',
    message: /24×16, but cat\/1.png is 3×2/,
  },
  {
    name: 'images for a task that takes a table, whatever the names of their folders',
    files: { 'i/cat/1.png': png(), 'i/dog/2.png': png() },
    source: 'i',
    task: table,
    code: 'E_DATA_MISMATCH',
    message: /holds images, but the task takes the columns of a table/,
  },
  {
    name: 'IDX images for a task that takes texts, whatever their labels',
    files: {
      'd/train-images-idx3-ubyte': idx(3, [1, 1, 1]),
      'd/train-labels-idx1-ubyte': idx(1, [1], 9),
      'd/t10k-images-idx3-ubyte': idx(3, [1, 1, 1]),
      'd/t10k-labels-idx1-ubyte': idx(1, [1], 9),
    },
    source: 'd',
    task: text,
    code: 'E_DATA_MISMATCH',
    message: /holds images, but the task takes texts/,
  },
  ...[
    ['HDF5', '\x89HDF\r\n\x1a\n', /HDF5.*numpy.savez/],
    ['a pickle', '\x80\x04\x95.', /pickle, which can run code/],
    ['Feather', 'ARROW1\0\0', /Feather.*Parquet or CSV/],
    ['bzip2', 'BZh91AY&SY', /bzip2; decompress it/],
    ['zstd', '(\xb5/\xfd\x04', /zstd; decompress it/],
    ['xz', '\xfd7zXZ\0', /with xz; decompress it/],
  ].map(
    ([name, magic, message]): Case => ({
      name: `${name}, which is not read`,
      files: { 'data.one': Buffer.from((magic as string).padEnd(64, 'x'), 'latin1') },
      task: tensor,
      code: 'E_DATA_FORMAT',
      message: message as RegExp,
    }),
  ),
  {
    name: 'a JPEG whose tables are damaged, without the words of its decoder',
    files: {
      'i/cat/1.jpg': jpg().then((bytes) => {
        const damaged = Buffer.from(bytes)
        const tables = damaged.indexOf(Buffer.from([0xff, 0xc4]))
        return damaged.fill(0xff, tables + 5, tables + 20)
      }),
      'i/dog/2.png': png(),
    },
    source: 'i',
    task: image,
    code: 'E_DATA_FORMAT',
    message: /image is damaged \(its contents cannot be decoded\)/,
  },
  {
    name: 'a PNG cut off',
    files: { 'i/cat/1.png': png().then((b) => b.subarray(0, 60)), 'i/dog/2.png': png() },
    source: 'i',
    task: image,
    code: 'E_DATA_FORMAT',
    message: /image is damaged \(it ends too early\)/,
  },
  {
    name: 'a PNG with too few pixels, which its decoder would fill up with what is in memory',
    files: { 'i/cat/1.png': pngOf(3, 2, (rows) => rows.subarray(0, -5)), 'i/dog/2.png': png() },
    source: 'i',
    task: image,
    code: 'E_DATA_FORMAT',
    message: /image is damaged \(it ends too early\)/,
  },
  {
    name: 'a PNG with too many pixels',
    files: { 'i/cat/1.png': pngOf(3, 2, (rows) => Buffer.concat([rows, rows])), 'i/dog/2.png': png() },
    source: 'i',
    task: image,
    code: 'E_DATA_FORMAT',
    message: /holds more pixels than its header says/,
  },
  {
    name: 'a folder of a class with a name that is not UTF-8',
    files: { 'i/cat/1.png': png(), 'i/\ufffd/1.png': png() },
    source: 'i',
    task: image,
    code: 'E_DATA_FORMAT',
    message: /its name is not UTF-8; rename it/,
  },
  {
    name: 'a folder in test that is no class',
    files: { 'i/train/cat/1.png': png(), 'i/train/dog/1.png': png(), 'i/test/fish/1.png': png() },
    source: 'i',
    task: image,
    code: 'E_LABEL_RANGE',
    message: /i\/test\/fish: "fish" is not a class/,
  },
  {
    name: 'a PNG with a flipped byte',
    files: {
      'i/cat/1.png': png().then((b) => {
        const c = Buffer.from(b)
        c[45] = (c[45] as number) ^ 255
        return c
      }),
      'i/dog/2.png': png(),
    },
    source: 'i',
    task: image,
    code: 'E_DATA_FORMAT',
    message: /image is damaged/,
  },
  {
    name: 'a JPEG cut off',
    files: { 'i/cat/1.jpg': jpg().then((b) => b.subarray(0, 400)), 'i/dog/2.png': png() },
    source: 'i',
    task: image,
    code: 'E_DATA_FORMAT',
    message: /damaged/,
  },
  {
    name: 'a text called .png',
    files: { 'i/cat/1.png': 'hello', 'i/dog/2.png': png() },
    source: 'i',
    task: image,
    code: 'E_DATA_FORMAT',
    message: /no PNG or JPEG/,
  },
  {
    name: 'a PNG that claims a huge size',
    files: { 'i/cat/1.png': claimingPng(1_000_000_000), 'i/dog/2.png': png() },
    source: 'i',
    task: image,
    code: 'E_DATA_TOO_LARGE',
    message: /claims .* make it smaller/,
  },
  {
    name: 'one class without a task',
    files: { 'i/cat/1.png': png() },
    source: 'i',
    code: 'E_DATA_MISMATCH',
    message: /cat alone/,
  },
  {
    name: 'a folder that is no class',
    files: { 'i/cat/1.png': png(), 'i/dig/1.png': png() },
    source: 'i',
    task: image,
    code: 'E_LABEL_RANGE',
    message: /"dig" is not a class.*did you mean "dog"/,
  },
  {
    name: 'fewer folders than unnamed classes',
    files: { 'i/cat/1.png': png(), 'i/dog/1.png': png() },
    source: 'i',
    task: ownTask({ type: 'image', shape: [3, 2, 3] }, { type: 'class', classes: 5 }),
    code: 'E_DATA_MISMATCH',
    message: /name the classes/,
  },
  // CIFAR
  {
    name: 'CIFAR of odd size',
    files: { 'c/data_batch_1.bin': Buffer.concat([record(1), Buffer.alloc(7)]) },
    source: 'c',
    code: 'E_DATA_FORMAT',
    offset: 3073,
    message: /no whole number of records/,
  },
  {
    name: 'a CIFAR label above 9',
    files: { 'c/data_batch_1.bin': Buffer.concat([record(1), record(77)]) },
    source: 'c',
    code: 'E_LABEL_RANGE',
    offset: 3073,
    message: /label 77/,
  },
  // places
  {
    name: 'a path that does not exist',
    files: {},
    source: 'nowhere.csv',
    code: 'E_DATA_NOT_FOUND',
    message: /does not exist/,
  },
  {
    name: 'a folder called .csv',
    files: { 'd.csv/x.txt': 'hello' },
    source: 'd.csv',
    code: 'E_DATA_UNKNOWN',
    message: /known are tables/,
  },
  {
    name: 'a file of an unknown kind',
    files: { 'notes.txt': 'just some words' },
    code: 'E_DATA_UNKNOWN',
    message: /known are tables/,
  },
  {
    name: 'one file of an IDX set',
    files: { 'train-images-idx3-ubyte': Buffer.alloc(20) },
    code: 'E_DATA_UNKNOWN',
    message: /name the folder/,
  },
  {
    name: 'several tables in a folder',
    files: { 'd/a.csv': 'a\n1\n', 'd/b.csv': 'a\n1\n' },
    source: 'd',
    code: 'E_DATA_AMBIGUOUS',
    message: /a.csv, b.csv/,
  },
  {
    name: 'a table without a task',
    files: csv('1,red,yes\n'),
    code: 'E_DATA_MISMATCH',
    message: /tempered task init/,
  },
]

const WITHOUT_TASK = new Set([
  'a table without a task',
  'an image of another size',
  'one class without a task',
  'CIFAR of odd size',
  'a CIFAR label above 9',
])

async function failure(folder: string, { name, files, source, task }: Case): Promise<DataError> {
  for (const [path, contents] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), await contents)
  }
  const path = join(folder, source ?? (Object.keys(files)[0] as string))
  const open = WITHOUT_TASK.has(name) ? undefined : (task ?? table)
  const error = await loadData({ source: path }, '', open).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(DataError)
  return error as DataError
}

describe('bad files', () => {
  it.each(CASES)('$name: $code', (bad) =>
    inTemporaryFolder(async (folder) => {
      const error = await failure(folder, bad)
      expect(error.message).toMatch(bad.message)
      expect(error.code).toBe(bad.code)
      expect(error.message).toContain(folder)
      if (bad.line !== undefined) expect(error.line).toBe(bad.line)
      if (bad.offset !== undefined) expect(error.offset).toBe(bad.offset)
    }),
  )

  it.skipIf(process.getuid?.() === 0)('no permission', () =>
    inTemporaryFolder(async (folder) => {
      const file = join(folder, 't.csv')
      await writeFile(file, 'a\n1\n')
      await chmod(file, 0)
      await expect(loadData({ source: file }, '', table)).rejects.toMatchObject({
        code: 'E_DATA_NOT_FOUND',
        message: expect.stringContaining('permissions'),
      })
    }),
  )

  it('a pipe, alone, in a folder of arrays and among images', () =>
    inTemporaryFolder(async (folder) => {
      const pipe = (...path: string[]) => {
        const file = join(folder, ...path)
        mkdirSync(dirname(file), { recursive: true })
        expect(spawnSync('mkfifo', [file]).status).toBe(0)
        return file
      }
      const refused = { code: 'E_DATA_NOT_FOUND', message: expect.stringContaining('is a pipe, not a file') }
      const file = pipe('t.csv')
      await expect(loadData({ source: file }, '', table)).rejects.toMatchObject({ ...refused, file })
      for (const [name, task] of [
        ['arrays/x.npy', tensor],
        ['images/cat/1.png', image],
      ] as const) {
        const inside = pipe(name)
        const source = join(folder, name.split('/')[0] as string)
        await expect(loadData({ source }, '', task)).rejects.toMatchObject({ ...refused, file: inside })
      }
    }))

  it('compressed data with something behind it', () =>
    inTemporaryFolder(async (folder) => {
      const file = join(folder, 't.csv.gz')
      await writeFile(file, Buffer.concat([gzipSync('a,kind,label\n1,red,yes\n'), Buffer.from('garbage')]))
      await expect(loadData({ source: file }, '', table)).rejects.toMatchObject({
        code: 'E_GZIP_CORRUPT',
        message: expect.stringContaining('something else follows the compressed data'),
      })
    }))

  it('JSON with thousands of levels', () =>
    inTemporaryFolder(async (folder) => {
      const file = join(folder, 't.jsonl')
      const deep = `${'['.repeat(6_000)}${']'.repeat(6_000)}`
      await writeFile(file, `{"a": ${deep}, "kind": "red", "label": "yes"}\n`)
      await expect(loadData({ source: file }, '', table)).rejects.toMatchObject({
        code: 'E_DATA_VALUE',
        line: 1,
      })
      expect((await inspectSource(file, '')).train).toMatchObject({ rows: 1 })
    }))

  it('a link to itself', () =>
    inTemporaryFolder(async (folder) => {
      await symlink('loop.csv', join(folder, 'loop.csv'))
      await expect(loadData({ source: join(folder, 'loop.csv') }, '', table)).rejects.toMatchObject({
        code: 'E_DATA_NOT_FOUND',
      })
    }))
})
