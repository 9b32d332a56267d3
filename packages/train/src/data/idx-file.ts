/**
 * One file in IDX format (big-endian: two zero bytes, the type 0x08 = unsigned byte, the number of dimensions, one
 * uint32 per dimension, then the bytes row-major), plain or gzip.
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section on file formats.
 */

import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { constants, gunzip } from 'node:zlib'
import { DataError } from './data-error.js'
import { fileBytes, NOT_COMPRESSED, openDataFile } from './formats/text-stream.js'

const gunzipBytes = promisify(gunzip)

/** Most bytes of a file after decompression: EMNIST ByClass, the largest in use, has 547 MB. */
export const MAX_IDX_BYTES = 1024 * 1024 * 1024

/** Compressed bytes that are read to find the header; a gzip header with a file name is much shorter. */
const GZIP_PROBE_BYTES = 4096

const UNSIGNED_BYTE = 0x08

export interface IdxArray {
  dimensions: number[]
  /** Product of the dimensions bytes, row-major. */
  values: Uint8Array
}

/** Checks the header in `head` and returns the dimensions; nothing of their size has been allocated yet. */
function parseHeader(head: Uint8Array, rank: number, file: string, maxBytes: number): number[] {
  const headerLength = 4 + 4 * rank
  if (head.length < 4) {
    throw new DataError('E_IDX_SIZE', `the file ends inside the magic number; fetch it again`, {
      file,
      offset: head.length,
    })
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const magic = view.getUint32(0)
  const expected = UNSIGNED_BYTE * 256 + rank
  if (magic !== expected) {
    throw new DataError(
      'E_IDX_MAGIC',
      `magic number 0x${magic.toString(16).padStart(8, '0')}, expected 0x${expected.toString(16).padStart(8, '0')} ` +
        `(unsigned bytes, ${rank} dimension${rank === 1 ? '' : 's'}): is this ${rank === 1 ? 'a labels' : 'an images'} file in IDX format?`,
      { file, offset: 0 },
    )
  }
  if (head.length < headerLength) {
    throw new DataError('E_IDX_SIZE', 'the file ends inside its dimensions; fetch it again', {
      file,
      offset: head.length,
    })
  }
  const dimensions: number[] = []
  let total = 1
  for (let k = 0; k < rank; k++) {
    const offset = 4 + 4 * k
    const size = view.getUint32(offset)
    if (size === 0)
      throw new DataError('E_IDX_SIZE', `dimension ${k} is 0: the file has no data`, { file, offset })
    total *= size
    if (total + headerLength > maxBytes) {
      throw new DataError(
        'E_DATA_TOO_LARGE',
        `the dimensions require at least ${total} bytes, above the limit of ${maxBytes}; split the data set`,
        { file, offset },
      )
    }
    dimensions.push(size)
  }
  return dimensions
}

/** A file that is open for reading, and what is wanted of it. */
interface OpenIdxFile {
  readonly handle: FileHandle
  readonly file: string
  /** Bytes on disk. */
  readonly size: number
  /** Dimensions wanted. */
  readonly rank: number
  /** The most bytes that the header may announce. */
  readonly maxBytes: number
}

/** What a header announces. */
interface IdxHeader {
  readonly dimensions: number[]
  /** Bytes of header and data when unpacked. */
  readonly total: number
}

/** Reads up to `length` bytes from the start of the file. */
async function readStart(handle: FileHandle, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

function gzipError(cause: unknown, file: string, compressedLength: number, total: number): DataError {
  const code = (cause as { code?: string }).code
  if (code === 'Z_BUF_ERROR') {
    return new DataError(
      'E_GZIP_TRUNCATED',
      'the compressed data ends too early (compressed offset); fetch it again',
      {
        file,
        offset: compressedLength,
        cause,
      },
    )
  }
  if (code === 'ERR_BUFFER_TOO_LARGE') {
    return new DataError('E_IDX_SIZE', `more data than the ${total} bytes that the header announces`, {
      file,
      offset: total,
      cause,
    })
  }
  const isPlain = String((cause as Error).message).includes('incorrect header check')
  return new DataError(
    'E_GZIP_CORRUPT',
    isPlain ? NOT_COMPRESSED : 'the compressed data is damaged; fetch the file again',
    {
      file,
      offset: 0,
      cause,
    },
  )
}

/** The dimensions of a packed file, and its bytes when it is unpacked. */
async function readGzipHeader({ handle, file, size, rank, maxBytes }: OpenIdxFile): Promise<IdxHeader> {
  const headerLength = 4 + 4 * rank
  const probe = await readStart(handle, Math.min(size, GZIP_PROBE_BYTES))
  if (probe.length < 18) throw gzipError({ code: 'Z_BUF_ERROR' }, file, probe.length, 0)
  const head = await gunzipBytes(probe, { finishFlush: constants.Z_SYNC_FLUSH }).catch((cause: unknown) => {
    throw gzipError(cause, file, probe.length, 0)
  })
  if (head.length < headerLength && size > probe.length) {
    throw new DataError(
      'E_GZIP_CORRUPT',
      `no IDX header within the first ${GZIP_PROBE_BYTES} compressed bytes`,
      {
        file,
        offset: 0,
      },
    )
  }
  // A short file that ends inside a block is reported as truncated, not as a wrong header.
  if (head.length < headerLength) {
    await gunzipBytes(probe).catch((cause: unknown) => {
      throw gzipError(cause, file, size, headerLength)
    })
  }
  const dimensions = parseHeader(head, rank, file, maxBytes)
  const total = headerLength + dimensions.reduce((product, value) => product * value, 1)
  // Deflate expands at most 1,032 times: a file that is too short for its header is rejected before it is unpacked.
  if (size * 1032 < total) {
    throw new DataError(
      'E_IDX_SIZE',
      `${size} compressed bytes cannot hold the ${total} bytes of the header`,
      {
        file,
        offset: 4,
      },
    )
  }
  return { dimensions, total }
}

async function readGzip(opened: OpenIdxFile) {
  const { handle, file, size } = opened
  const { dimensions, total } = await readGzipHeader(opened)
  const compressed = await readStart(handle, size)
  const bytes = await gunzipBytes(compressed, { maxOutputLength: total }).catch((cause: unknown) => {
    throw gzipError(cause, file, compressed.length, total)
  })
  return { dimensions, bytes, total }
}

/**
 * Reads one IDX file of unsigned bytes with `rank` dimensions; names that end in .gz are decompressed.
 * Throws DataError: E_DATA_NOT_FOUND, E_IDX_MAGIC, E_IDX_SIZE (short, long or empty), E_DATA_TOO_LARGE (before
 * anything of that size is allocated), E_GZIP_TRUNCATED, E_GZIP_CORRUPT.
 */
export async function readIdxFile(file: string, rank: number, maxBytes = MAX_IDX_BYTES): Promise<IdxArray> {
  const headerLength = 4 + 4 * rank
  const handle = await openDataFile(file)
  try {
    const { size } = await handle.stat()
    const gzip = file.endsWith('.gz')
    // Incompressible data grows a little in a gzip file.
    if (size > (gzip ? maxBytes + maxBytes / 100 + 4096 : maxBytes)) {
      throw new DataError('E_DATA_TOO_LARGE', `${size} bytes, above the limit of ${maxBytes}`, { file })
    }
    const opened = { handle, file, size, rank, maxBytes }
    const { dimensions, total, bytes } = gzip ? await readGzip(opened) : await readPlain(opened)
    if (bytes.length !== total) throw wrongSize(file, total, bytes.length)
    return { dimensions, values: bytes.subarray(headerLength) }
  } finally {
    await handle.close()
  }
}

function wrongSize(file: string, total: number, found: number): DataError {
  return new DataError('E_IDX_SIZE', `the header announces ${total} bytes, the file has ${found}`, {
    file,
    offset: Math.min(found, total),
  })
}

async function readPlainHeader({ handle, file, size, rank, maxBytes }: OpenIdxFile): Promise<IdxHeader> {
  const headerLength = 4 + 4 * rank
  const dimensions = parseHeader(await readStart(handle, Math.min(size, headerLength)), rank, file, maxBytes)
  const total = headerLength + dimensions.reduce((product, value) => product * value, 1)
  if (size === total) return { dimensions, total }
  throw new DataError(
    'E_IDX_SIZE',
    `the header announces ${total} bytes (${dimensions.join('×')} after a header of ${headerLength}), the file has ${size}; ` +
      `${size < total ? 'fetch it again' : 'remove the bytes after that'}`,
    { file, offset: Math.min(size, total) },
  )
}

async function readPlain(opened: OpenIdxFile) {
  const header = await readPlainHeader(opened)
  return { ...header, bytes: await readStart(opened.handle, opened.size) }
}

/** An IDX file whose bytes are read some at a time. */
export interface IdxStream {
  readonly dimensions: readonly number[]
  /** The bytes after the header. Throws E_IDX_SIZE, E_GZIP_TRUNCATED, E_GZIP_CORRUPT. */
  bytes(): AsyncIterable<Uint8Array>
}

/** Opens a file of any size by its header. Throws as {@link readIdxFile}, but for E_DATA_TOO_LARGE. */
export async function openIdxStream(file: string, rank: number): Promise<IdxStream> {
  const handle = await openDataFile(file)
  try {
    const { size } = await handle.stat()
    const read = file.endsWith('.gz') ? readGzipHeader : readPlainHeader
    const { dimensions, total } = await read({ handle, file, size, rank, maxBytes: Number.MAX_SAFE_INTEGER })
    return { dimensions, bytes: () => bytesAfter(file, 4 + 4 * rank, total) }
  } finally {
    await handle.close()
  }
}

async function* bytesAfter(file: string, header: number, total: number): AsyncGenerator<Uint8Array> {
  let found = 0
  for await (const chunk of fileBytes(file)) {
    const skip = Math.max(0, header - found)
    found += chunk.length
    if (found > total) throw wrongSize(file, total, found)
    if (chunk.length > skip) yield chunk.subarray(skip)
  }
  if (found < total) throw wrongSize(file, total, found)
}

/** Bytes of a file when it is unpacked; of packed ones above 4 GiB at least the packed size. Throws E_DATA_NOT_FOUND. */
export async function unpackedBytes(file: string): Promise<number> {
  const handle = await openDataFile(file)
  try {
    const { size } = await handle.stat()
    if (!file.endsWith('.gz') || size < 18) return size
    const end = Buffer.alloc(4)
    await handle.read(end, 0, 4, size - 4)
    return Math.max(size, end.readUInt32LE(0))
  } finally {
    await handle.close()
  }
}
