/** Parquet, by hyparquet: one row group after the other, all codecs of the format. */

import type { FileHandle } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet'
import { compressors as others } from 'hyparquet-compressors'
import { DataError } from '../data-error.js'
import type { Row, RowSource } from './raw.js'
import { openDataFile } from './text-stream.js'

/** Footer, i.e. names and places of all column chunks: files of thousands of columns have some megabytes. */
const MAX_FOOTER = 256 * 1024 * 1024
/** Rows that are unpacked at the same time, where row groups are larger. */
const ROWS_AT_A_TIME = 10_000
/** Its own gzip leaves the checksum unread. */
const compressors: Compressors = { ...others, GZIP: (input) => new Uint8Array(gunzipSync(input)) }
const MAGIC = 'PAR1'
const WRITE_AGAIN = 'write it again, for example with pandas: data.to_parquet(file)'

/** Opens a Parquet file. Throws E_DATA_NOT_FOUND, E_DATA_FORMAT, E_DATA_COLUMN, E_DATA_TOO_LARGE. */
export async function openParquet(file: string): Promise<RowSource> {
  const metadata = await withFile(file, (buffer) => parquetMetadataAsync(buffer))
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name)
  const twice = columns.find((name, k) => columns.indexOf(name) !== k)
  if (twice !== undefined)
    throw new DataError(
      'E_DATA_COLUMN',
      `has the column "${twice}" twice; give every column a name of its own`,
      {
        file,
      },
    )
  return { kind: 'rows', format: 'parquet', file, columns, rows: (wanted) => rows(file, metadata, wanted) }
}

async function* rows(
  file: string,
  metadata: FileMetaData,
  wanted: readonly string[],
): AsyncGenerator<readonly Row[]> {
  const handle = await openDataFile(file)
  let at = 0
  try {
    const buffer = await asyncBuffer(handle)
    for (const group of metadata.row_groups) {
      const end = at + Number(group.num_rows)
      for (; at < end; at = Math.min(end, at + ROWS_AT_A_TIME)) {
        const rowEnd = Math.min(end, at + ROWS_AT_A_TIME)
        const objects = await parquetReadObjects({
          file: buffer,
          metadata,
          compressors,
          columns: [...wanted],
          rowStart: at,
          rowEnd,
        })
        if (objects.length !== rowEnd - at)
          throw new Error(`${objects.length} rows where the footer promises ${rowEnd - at}`)
        const start = at + 1
        // Values that are missing are null.
        const bad = objects.findIndex((object) => wanted.some((name) => object[name] === undefined))
        if (bad >= 0) throw damaged(file, new Error('a value that its dictionary does not have'), start + bad)
        yield objects.map((object, k) => ({ line: start + k, cells: wanted.map((name) => object[name]) }))
      }
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    throw damaged(file, cause as Error, at + 1)
  } finally {
    await handle.close()
  }
}

function damaged(file: string, cause: Error, line?: number): DataError {
  // What the reader says of bytes that it does not expect helps nobody.
  const known = cause instanceof TypeError || cause instanceof RangeError ? '' : ` (${cause.message})`
  return new DataError('E_DATA_FORMAT', `is damaged, or uses what is not read here${known}; ${WRITE_AGAIN}`, {
    file,
    line,
    cause,
  })
}

async function withFile<T>(file: string, work: (buffer: AsyncBuffer) => Promise<T>): Promise<T> {
  const handle = await openDataFile(file)
  try {
    const buffer = await asyncBuffer(handle)
    await checkFooter(file, handle, buffer.byteLength)
    return await work(buffer)
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    throw damaged(file, cause as Error)
  } finally {
    await handle.close()
  }
}

async function asyncBuffer(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat()
  return {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start))
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
      if (bytesRead < bytes.length) throw new Error('the file became shorter while it was read')
      return bytes.buffer
    },
  }
}

async function checkFooter(file: string, handle: FileHandle, size: number): Promise<void> {
  const tail = Buffer.alloc(8)
  const head = Buffer.alloc(4)
  if (size >= 12) {
    await handle.read(head, 0, 4, 0)
    await handle.read(tail, 0, 8, size - 8)
  }
  if (head.toString('latin1') !== MAGIC)
    throw new DataError(
      'E_DATA_FORMAT',
      `does not begin with ${MAGIC}: this is no Parquet file; name it after its format`,
      {
        file,
        offset: 0,
      },
    )
  if (tail.toString('latin1', 4) !== MAGIC)
    throw new DataError('E_DATA_FORMAT', `does not end with ${MAGIC}: the file is cut off; fetch it again`, {
      file,
      offset: size - 4,
    })
  const footer = tail.readUInt32LE(0)
  if (footer === 0 || footer > size - 12)
    throw new DataError(
      'E_DATA_FORMAT',
      `announces a footer of ${footer} bytes in a file of ${size}: it is damaged; ${WRITE_AGAIN}`,
      { file, offset: size - 8 },
    )
  if (footer > MAX_FOOTER)
    throw new DataError(
      'E_DATA_TOO_LARGE',
      `has a footer of ${footer} bytes, above the limit of ${MAX_FOOTER}; write it with fewer columns or larger row groups`,
      {
        file,
        offset: size - 8,
      },
    )
}
