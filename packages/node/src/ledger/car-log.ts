import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DAG_CBOR, equalBytes } from '@tempered/protocol'
import { CID } from 'multiformats/cid'
import { NodeError } from '../errors.js'
import { syncDirectory } from '../files.js'
import {
  CarError,
  type CarSection,
  encodeCarHeader,
  encodeCarSection,
  readCarHeader,
  readCarSection,
} from './car.js'

/** An append-only CAR file: every append is on disk (fsync) before it resolves. */
export interface CarLog {
  /** Appends one block. After a failed write the log refuses further appends: nothing is overwritten. */
  append(cid: CID, bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

export interface OpenedCarLog {
  readonly log: CarLog
  /** Bytes of a torn last append that were set aside, 0 if none. */
  readonly recoveredBytes: number
}

/** Bytes read ahead at a time when a file is scanned. */
const READ_AHEAD_BYTES = 1024 * 1024

/**
 * A reader over a file that fetches whole windows, so that scanning many small sections is cheap. Reads the file size
 * once.
 */
export function windowedReader(file: FileHandle): (offset: number, length: number) => Promise<Uint8Array> {
  let size: number | undefined
  let windowStart = 0
  let window = new Uint8Array(0)
  return async (offset, length) => {
    if (offset < windowStart || offset + length > windowStart + window.byteLength) {
      size ??= (await file.stat()).size
      const wanted = Math.max(length, READ_AHEAD_BYTES)
      const buffer = new Uint8Array(Math.max(0, Math.min(wanted, size - offset)))
      let filled = 0
      while (filled < buffer.byteLength) {
        const { bytesRead } = await file.read(buffer, filled, buffer.byteLength - filled, offset + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      windowStart = offset
      window = buffer.subarray(0, filled)
    }
    return window.subarray(offset - windowStart, offset - windowStart + length)
  }
}

/** Every section of an open CAR file from `offset` on. Throws CarError at the first bad one. */
export async function* carSections(
  file: FileHandle,
  offset: number,
  maxBytes: number,
): AsyncGenerator<CarSection> {
  const { size } = await file.stat()
  const readAt = windowedReader(file)
  let position = offset
  while (position < size) {
    const section = await readCarSection(readAt, position, maxBytes)
    position = section.end
    yield section
  }
}

/**
 * Opens or creates the log at `path` and passes every block in it to `visit`, oldest first. A torn tail (the file
 * ends inside its last section, as after a crash) is copied to `<path>.torn-<offset>` and cut off; any other damage
 * throws E_STATE_CORRUPT and nothing is changed.
 */
export async function openCarLog(
  path: string,
  root: CID,
  maxBlockBytes: number,
  visit: (section: CarSection) => void,
): Promise<OpenedCarLog> {
  const file = await open(path, 'a+', 0o644)
  try {
    const recoveredBytes = await replay(file, path, root, maxBlockBytes, visit)
    return { log: createLog(file, path), recoveredBytes }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function replay(
  file: FileHandle,
  path: string,
  root: CID,
  maxBlockBytes: number,
  visit: (section: CarSection) => void,
): Promise<number> {
  const header = encodeCarHeader(root)
  const { size } = await file.stat()
  if (size < header.byteLength) {
    // A new file, or a crash while the header was being written.
    if (size > 0) await setTailAside(file, path, 0, await readTail(file, 0, size))
    await file.appendFile(header)
    await file.sync()
    await syncDirectory(dirname(path))
    return 0
  }
  let good = 0
  try {
    const opened = await readCarHeader(windowedReader(file))
    if (!opened.root.equals(root)) {
      throw new NodeError('E_WRONG_RUN', `${path} belongs to run ${opened.root}, not to ${root}`, { path })
    }
    good = opened.end
    for await (const section of carSections(file, good, maxBlockBytes)) {
      visit(section)
      good = section.end
    }
    return 0
  } catch (error) {
    if (!(error instanceof CarError)) throw error
    if (!error.truncated || good === 0) {
      throw new NodeError(
        'E_STATE_CORRUPT',
        `${path}, ${error.message}; restore the file from a copy`,
        { path },
        error,
      )
    }
    const tail = await readTail(file, good, size)
    if (!isTornAppend(tail)) {
      throw new NodeError(
        'E_STATE_CORRUPT',
        `${path}, byte ${good}: the length of a complete block is damaged; restore the file from a copy`,
        { path, offset: good },
        error,
      )
    }
    await setTailAside(file, path, good, tail)
    return tail.byteLength
  }
}

/** Most bytes before the block in one of our sections: a length of 4 bytes and a CID of 36. */
const LONGEST_PREFIX_BYTES = 40

/**
 * Whether a section that extends past the end of the file is a torn append, that is, only the beginning of a section.
 * A damaged length looks similar, but then a whole block follows its CID, or there is no CID.
 */
function isTornAppend(tail: Uint8Array): boolean {
  if (tail.byteLength < LONGEST_PREFIX_BYTES) return true
  for (let start = 1; start <= LONGEST_PREFIX_BYTES - 36; start++) {
    const cid = documentCidAt(tail, start)
    if (cid === undefined) continue
    const hash = createHash('sha256')
    for (let k = start + 36; k < tail.byteLength; k++) {
      hash.update(tail.subarray(k, k + 1))
      if (equalBytes(hash.copy().digest(), cid.multihash.digest)) return false
    }
    return true
  }
  return false
}

function documentCidAt(bytes: Uint8Array, start: number): CID | undefined {
  try {
    const cid = CID.decode(bytes.subarray(start, start + 36))
    return cid.code === DAG_CBOR && cid.multihash.size === 32 ? cid : undefined
  } catch {
    return undefined
  }
}

async function readTail(file: FileHandle, start: number, size: number): Promise<Uint8Array> {
  const tail = new Uint8Array(size - start)
  await file.read(tail, 0, tail.byteLength, start)
  return tail
}

async function setTailAside(file: FileHandle, path: string, start: number, tail: Uint8Array): Promise<void> {
  const copy = await open(`${path}.torn-${start}`, 'w')
  try {
    await copy.writeFile(tail)
    await copy.sync()
  } finally {
    await copy.close()
  }
  await file.truncate(start)
  await file.sync()
}

function createLog(file: FileHandle, path: string): CarLog {
  let broken: unknown
  return {
    async append(cid, bytes) {
      if (broken !== undefined) {
        throw new NodeError(
          'E_IO',
          `${path}: an earlier write failed; restart the node to recover`,
          { path },
          broken,
        )
      }
      try {
        await file.appendFile(encodeCarSection(cid, bytes))
        await file.datasync()
      } catch (error) {
        broken = error
        throw new NodeError('E_IO', `${path}: ${(error as Error).message}`, { path }, error)
      }
    },
    close: () => file.close(),
  }
}
