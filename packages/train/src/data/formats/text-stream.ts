/** Text files as pieces of text, never as a whole: UTF-8 checked, byte order mark removed, .gz unpacked. */

import type { Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { DataError } from '../data-error.js'
import { firstInvalidUtf8, openTail, UTF8_ADVICE } from './utf8.js'

/** What a path is. Throws E_DATA_NOT_FOUND with what is wrong, also for pipes, sockets and devices. */
export async function statData(path: string): Promise<Stats> {
  if (path === '')
    throw new DataError('E_DATA_NOT_FOUND', 'the path of the data is empty; name a file or a folder')
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause)
  })
  if (found.isFile() || found.isDirectory()) return found
  const kind = found.isFIFO() ? 'a pipe' : found.isSocket() ? 'a socket' : 'a device'
  throw new DataError(
    'E_DATA_NOT_FOUND',
    `is ${kind}, not a file; data is read more than once, so write it to a file and name that`,
    { file: path },
  )
}

/** Opens a file for reading. Throws E_DATA_NOT_FOUND with what is wrong. */
export async function openDataFile(file: string) {
  // A pipe would be opened only once somebody writes to it.
  await statData(file)
  return open(file, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(file, cause)
  })
}

/** Why a path cannot be read, as E_DATA_NOT_FOUND. */
export function unreadable(file: string, cause: NodeJS.ErrnoException): DataError {
  const what =
    cause.code === 'EACCES' || cause.code === 'EPERM'
      ? 'may not be read by this user; change its permissions'
      : cause.code === 'EISDIR'
        ? 'is a folder; name a file in it'
        : cause.code === 'ENOENT' || cause.code === 'ENOTDIR'
          ? 'does not exist; check the path'
          : cause.code === 'ELOOP'
            ? 'is a link that leads back to itself; name the file'
            : `cannot be read (${cause.code ?? cause.message}); check the path and its permissions`
  return new DataError('E_DATA_NOT_FOUND', what, { file, cause })
}

/** For messages. */
export const NOT_COMPRESSED = 'is not compressed, although its name ends in .gz; rename it without .gz'

/** The bytes of a file, unpacked when its name ends in .gz. Throws DataError. */
export async function* fileBytes(file: string): AsyncGenerator<Buffer> {
  const handle = await openDataFile(file)
  const isNamedPacked = file.endsWith('.gz')
  let isPacked = false
  try {
    // Now: a stream that fails closes the file.
    isPacked = isNamedPacked && (await beginsPacked(handle))
    const plain = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 18 })
    const stream: Readable = isNamedPacked ? pipeline(plain, createGunzip(), () => undefined) : plain
    for await (const chunk of stream) yield chunk as Buffer
  } catch (cause) {
    throw cause instanceof DataError ? cause : streamError(file, cause as NodeJS.ErrnoException, isPacked)
  } finally {
    await handle.close().catch(() => undefined)
  }
}

/**
 * What to say of a failure to read data: where the packed file is damaged, the text in it is not at fault. Streams
 * check this at their end, which a reader that gives up before does not see.
 */
export async function packedFault(error: unknown): Promise<unknown> {
  if (!(error instanceof DataError) || error.file?.endsWith('.gz') !== true) return error
  try {
    for await (const _ of fileBytes(error.file));
    return error
  } catch (fault) {
    return fault
  }
}

/** Whether a file begins as compressed data does. */
async function beginsPacked(handle: FileHandle): Promise<boolean> {
  const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0)
  return buffer.toString('latin1') === '\x1f\x8b'
}

function streamError(file: string, cause: NodeJS.ErrnoException, packed: boolean): DataError {
  if (cause.code === 'Z_BUF_ERROR')
    return new DataError('E_GZIP_TRUNCATED', 'the compressed data ends too early; fetch it again', {
      file,
      cause,
    })
  if (cause.message.includes('incorrect header check') && packed)
    return new DataError(
      'E_GZIP_CORRUPT',
      'something else follows the compressed data; remove it, or fetch the file again',
      { file, cause },
    )
  if (cause.message.includes('incorrect header check'))
    return new DataError('E_GZIP_CORRUPT', NOT_COMPRESSED, { file, offset: 0, cause })
  if (cause.code?.startsWith('Z_') === true)
    return new DataError('E_GZIP_CORRUPT', 'the compressed data is damaged; fetch the file again', {
      file,
      cause,
    })
  return unreadable(file, cause)
}

/** The text of a file in pieces. Throws E_DATA_FORMAT with the byte at which it is no UTF-8. */
export async function* textChunks(file: string): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0)
  let before = 0
  for await (const chunk of fileBytes(file)) {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    if (before === 0) {
      checkEncoding(file, bytes)
      if (bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
        bytes = bytes.subarray(3)
        before = 3
      }
    }
    const whole = bytes.length - openTail(bytes)
    const text = bytes.subarray(0, whole)
    const invalid = firstInvalidUtf8(text)
    if (invalid !== undefined) throw notUtf8(file, before + invalid)
    if (whole > 0) yield text.toString('utf8')
    before += whole
    rest = bytes.subarray(whole)
  }
  if (rest.length > 0) throw notUtf8(file, before)
}

function checkEncoding(file: string, bytes: Buffer): void {
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  if (wide)
    throw new DataError('E_DATA_FORMAT', 'is UTF-16, not UTF-8; save it as UTF-8', { file, offset: 0 })
  const zero = bytes.subarray(0, 4096).indexOf(0)
  if (zero >= 0)
    throw new DataError('E_DATA_FORMAT', 'holds a zero byte, so it is no text file; check the format', {
      file,
      offset: zero,
    })
}

function notUtf8(file: string, offset: number): DataError {
  return new DataError('E_DATA_FORMAT', `is not UTF-8 here; ${UTF8_ADVICE}`, { file, offset })
}
