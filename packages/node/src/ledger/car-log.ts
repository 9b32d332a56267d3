import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { documentCid } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { errorMessage, NodeError } from '../errors.js'
import { syncDirectory } from '../files.js'
import {
  CarError,
  type CarSection,
  encodeCarHeader,
  encodeCarSection,
  readCarHeader,
  readCarSection,
} from './car.js'
import { isTornAppend, isTornHeader, isUnwrittenAppend } from './torn-tail.js'

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
 * Opens or creates the log at `path` and passes every block in it to `visit`, oldest first, after
 * a check of its hash. The remains of an append
 * that never completed are copied to `<path>.torn-<offset>` and cut off: the file ends inside its last section, as
 * after a crash, or in zero bytes, as after a power cut. Any other damage throws E_STATE_CORRUPT and nothing is
 * changed.
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
  const readAt = windowedReader(file)
  if (size <= header.byteLength && isTornHeader(await readAt(0, size), header)) {
    // A new file, or a crash or a power cut while the header was being written.
    if (size > 0) await setTailAside(file, path, 0, await readTail(file, 0))
    await file.appendFile(header)
    await file.sync()
    await syncDirectory(dirname(path))
    return 0
  }
  let good = 0
  try {
    const opened = await readCarHeader(readAt)
    if (!opened.root.equals(root)) {
      throw new NodeError(
        'E_WRONG_RUN',
        `${path} belongs to run ${opened.root}, not to ${root}; give the node another \`state\` folder for this run, or move the old one away`,
        { path },
      )
    }
    good = opened.end
    for await (const section of carSections(file, good, maxBlockBytes)) {
      const matches = documentCid(section.bytes).equals(section.cid)
      if (!matches) throw new CarError('the block does not match its CID', section.start, false)
      visit(section)
      good = section.end
    }
    return 0
  } catch (error) {
    if (!(error instanceof CarError)) throw error
    return await recover(file, path, good, error)
  }
}

/** Sets the tail after the last good section aside and returns its length. Throws E_STATE_CORRUPT if it is damage. */
async function recover(file: FileHandle, path: string, good: number, damage: CarError): Promise<number> {
  let what = damage.message
  if (good > 0) {
    const tail = await readTail(file, good)
    if (isUnwrittenAppend(tail) || (damage.truncated && isTornAppend(tail))) {
      await setTailAside(file, path, good, tail)
      return tail.byteLength
    }
    if (damage.truncated) what = `byte ${good}: the length of a complete block is damaged`
  }
  throw new NodeError(
    'E_STATE_CORRUPT',
    `${path}, ${what}; restore the file from a copy`,
    { path, offset: damage.offset },
    damage,
  )
}

/** The bytes of an open file from `start` to its end. */
export async function readTail(file: FileHandle, start: number): Promise<Uint8Array> {
  const { size } = await file.stat()
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
        throw new NodeError('E_IO', `${path}: ${errorMessage(error)}`, { path }, error)
      }
    },
    close: () => file.close(),
  }
}
