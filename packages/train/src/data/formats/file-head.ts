/** What the first bytes of a file say against its name. */

import { DataError } from '../data-error.js'
import { openDataFile } from './text-stream.js'

const HEAD_BYTES = 4096
/** The directory at the end of a zip archive of a workbook, or the end of it. */
const TAIL_BYTES = 64 * 1024
const ZIP = 'PK\x03\x04'
const OLE = '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'
const GZIP = '\x1f\x8b'

/** The first bytes of a file. Throws E_DATA_NOT_FOUND. */
export async function headOf(file: string): Promise<Buffer> {
  const handle = await openDataFile(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    throw new DataError('E_DATA_NOT_FOUND', `cannot be read (${(cause as Error).message})`, { file, cause })
  } finally {
    await handle.close()
  }
}

/** Throws E_DATA_FORMAT for spreadsheets and others that are no data, and for files whose name says something else. */
export async function refuseForeign(file: string, head: Buffer): Promise<void> {
  const start = head.toString('latin1', 0, 8)
  const kind = await spreadsheetKind(file, start)
  if (kind !== undefined)
    throw new DataError(
      'E_DATA_FORMAT',
      `is ${kind}; save the sheet as CSV (UTF-8), with the names of the columns in the first line`,
      { file },
    )
  const text = head.toString('latin1', 0, 64).trimStart().toLowerCase()
  if (text.startsWith('version https://git-lfs'))
    throw new DataError('E_DATA_FORMAT', 'is a pointer of Git LFS, not the data; fetch them: git lfs pull', {
      file,
    })
  if (text.startsWith('<!doctype html') || text.startsWith('<html'))
    throw new DataError('E_DATA_FORMAT', 'is a web page (HTML), not data; download the file itself', { file })
  if (/\.(csv|tsv)$/i.test(file) && /^\{\s*"/.test(text))
    throw new DataError('E_DATA_FORMAT', 'looks like JSON lines; name it .jsonl', { file, line: 1 })
  const foreign = FOREIGN.find(([magics]) => magics.some((magic) => start.startsWith(magic)))
  if (foreign !== undefined) throw new DataError('E_DATA_FORMAT', `is ${foreign[1]}`, { file })
  if (start.startsWith(GZIP) && !file.endsWith('.gz'))
    throw new DataError('E_DATA_FORMAT', 'is compressed (gzip), which its name does not say; add .gz to it', {
      file,
    })
}

/** Formats that are often tried, by their first bytes. */
const FOREIGN: readonly [magics: readonly string[], what: string][] = [
  [['\x89HDF\r\n'], 'HDF5, which is not read here; save its arrays with numpy.savez'],
  [
    ['\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'],
    'a Python pickle, which can run code when it is read; save its arrays with numpy.savez',
  ],
  [['ARROW1', 'FEA1'], 'an Arrow (Feather) file, which is not read here; save it as Parquet or CSV'],
  [['BZh'], 'compressed with bzip2; decompress it, or compress it with gzip'],
  [['(\xb5/\xfd'], 'compressed with zstd; decompress it, or compress it with gzip'],
  [['\xfd7zXZ'], 'compressed with xz; decompress it, or compress it with gzip'],
]

async function spreadsheetKind(file: string, start: string): Promise<string | undefined> {
  if (start === OLE) return 'an old Excel workbook (.xls)'
  const byName = /\.(xlsx?|xlsm|xlsb|ods)$/i.test(file) ? 'a spreadsheet by its name' : undefined
  if (!start.startsWith(ZIP)) return byName
  const ends = await endsOf(file)
  if (ends.includes('application/vnd.oasis.opendocument.spreadsheet')) return 'an OpenDocument spreadsheet'
  const isExcel = ends.includes('xl/workbook.') || ends.includes('xl/worksheets/')
  return isExcel || ends.includes('[Content_Types].xml') ? 'an Excel workbook' : byName
}

/** The first and the last bytes of a file, as Latin-1. */
async function endsOf(file: string): Promise<string> {
  const handle = await openDataFile(file)
  try {
    const { size } = await handle.stat()
    const parts = [0, Math.max(0, size - TAIL_BYTES)].map((at) =>
      handle.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, at),
    )
    const read = await Promise.all(parts)
    return read.map(({ buffer, bytesRead }) => buffer.toString('latin1', 0, bytesRead)).join('')
  } finally {
    await handle.close()
  }
}
