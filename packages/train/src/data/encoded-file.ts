/**
 * A file of encoded samples: 16 bytes of magic, rows and arrays in any order, a line of JSON that says where each of
 * them is, the length of that line as uint32, and 4 bytes that mark the end. Numbers are little-endian. It is written
 * from front to back under a temporary name, readable by its owner alone, and renamed when it is complete.
 */

import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { type FileHandle, link, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../make-folder.js'
import { DataError } from './data-error.js'
import { bytesText } from './memory-budget.js'
import { ROW_TYPES, type RowNumbers, type RowType } from './row-file.js'

const MAGIC = Buffer.from('TEMPERED-ENC-2\n\0', 'latin1')
const END = Buffer.from('END\n', 'latin1')
/** A head of more classes and columns than anybody has. */
const MOST_HEAD_BYTES = 64 * 1024 * 1024
const DAY_MS = 24 * 60 * 60 * 1000

/** Files of encoded samples begin with this in the cache folder. */
export const ENCODED_PREFIX = 'encoded-'

/** Numbers somewhere in the file. */
export interface Section {
  readonly type: RowType | 'uint32'
  readonly offset: number
  /** Numbers, not bytes. */
  readonly length: number
}

/** One part as the file has it. */
export interface PartHead {
  readonly name: string
  readonly classes: number
  readonly classNames: readonly string[] | undefined
  readonly shape: readonly number[]
  readonly sha256: string
  readonly inputs: Section
  /** Row of each sample, where inputs are the rows of several parts. */
  readonly order?: Section | undefined
  readonly targets: Section
}

export interface EncodedHead {
  readonly train: PartHead
  readonly test: PartHead
  readonly notices: readonly string[] | undefined
}

type Opened = Pick<FileHandle, 'write' | 'sync' | 'close' | 'stat'>

/** A file in the making. */
export interface EncodedWriter {
  readonly path: string
  /** When it was begun, as its file system counts time. */
  readonly startedMs: number
  /** Appends numbers. Throws E_DATA_DISK. */
  append(numbers: RowNumbers | Uint32Array): Promise<Section>
  /** Completes the file; without a head it stays temporary, and the end of the process removes it. Throws E_DATA_DISK. */
  finish(head: EncodedHead | undefined): Promise<void>
  /**
   * Gives a complete file its name. False when another file has it, which may be in use and so stays, unless `replace`
   * says otherwise. Throws E_DATA_DISK.
   */
  publish(name: string, replace: boolean): Promise<boolean>
  /** Removes it. */
  abandon(): Promise<void>
}

/**
 * Begins a file in `folder`, which is made if need be. Throws E_DATA_DISK when it cannot be written there.
 *
 * @param openFile - for tests
 */
export async function createEncodedWriter(
  folder: string,
  openFile: (path: string) => Promise<Opened> = (path) => open(path, 'wx', 0o600),
): Promise<EncodedWriter> {
  const path = join(folder, `${ENCODED_PREFIX}${process.pid}-${randomUUID()}.tmp`)
  let position = 0
  const failed = (cause: NodeJS.ErrnoException): DataError => diskError(folder, position, cause)
  const handle = await makeFolder(folder)
    .then(() => openFile(path))
    .catch((cause: NodeJS.ErrnoException) => {
      throw failed(cause)
    })
  let closed = false
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    await handle.close()
  }
  const write = async (bytes: Uint8Array): Promise<void> => {
    for (let done = 0; done < bytes.length; ) {
      // One write takes less than 2 GiB.
      const piece = bytes.subarray(done, done + (1 << 28))
      const { bytesWritten } = await handle.write(piece, 0, piece.length, position)
      done += bytesWritten
      position += bytesWritten
    }
  }
  const abandon = async (): Promise<void> => {
    await close().catch(() => undefined)
    await rm(path, { force: true }).catch(() => undefined)
  }
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (cause) {
      await abandon()
      throw failed(cause as NodeJS.ErrnoException)
    }
  }
  const startedMs = await guarded(async () => {
    await write(MAGIC)
    return (await handle.stat()).mtimeMs
  })
  return {
    path,
    startedMs,
    append: (numbers) =>
      guarded(async () => {
        const section: Section = { type: typeOf(numbers), offset: position, length: numbers.length }
        await write(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength))
        return section
      }),
    finish: (head) =>
      guarded(async () => {
        if (head === undefined) {
          await close()
          removeAtExit(path)
          return
        }
        const text = Buffer.from(`${JSON.stringify(head)}\n`)
        const length = Buffer.alloc(4)
        length.writeUInt32LE(text.length)
        await write(Buffer.concat([text, length, END]))
        await handle.sync()
        await close()
      }),
    publish: (name, replace) =>
      guarded(async () => {
        if (!replace) {
          const refusal = await link(path, name).then(
            () => undefined,
            (cause: NodeJS.ErrnoException) => cause.code,
          )
          if (refusal === 'EEXIST') return false
          // Some file systems have no hard links.
          if (refusal === undefined) {
            await rm(path)
            return true
          }
        }
        await rename(path, name)
        return true
      }),
    abandon,
  }
}

function typeOf(numbers: RowNumbers | Uint32Array): Section['type'] {
  if (numbers instanceof Uint32Array) return 'uint32'
  return (Object.keys(ROW_TYPES) as RowType[]).find((type) => numbers instanceof ROW_TYPES[type]) as RowType
}

function diskError(folder: string, written: number, cause: NodeJS.ErrnoException): DataError {
  const what: Readonly<Record<string, string>> = {
    ENOSPC: `the disk is full after ${bytesText(written)} of encoded samples; free some space`,
    EDQUOT: `the disk quota of this user is used up after ${bytesText(written)} of encoded samples; free some space`,
    EFBIG: `files may not be larger than the ${bytesText(written)} written so far; use another file system`,
  }
  const text =
    what[cause.code ?? ''] ?? `encoded samples cannot be written here (${cause.code ?? cause.message})`
  return new DataError(
    'E_DATA_DISK',
    `${text}, name another folder with TEMPERED_CACHE, or raise data.memory or TEMPERED_DATA_MEMORY so that the samples fit into memory`,
    { file: folder, cause },
  )
}

/** Temporary files of this process. */
const temporary = new Set<string>()

function removeAtExit(path: string): void {
  if (temporary.size === 0)
    process.once('exit', () => {
      for (const file of temporary) rmSync(file, { force: true })
    })
  temporary.add(path)
}

/** Removes temporary files that a process left behind when it was killed, a day or more before `now`. */
export async function removeAbandoned(folder: string, now: number): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const match = /^encoded-(\d+)-[0-9a-f-]+\.tmp$/.exec(name)
    if (match === null || isAlive(Number(match[1]))) continue
    const path = join(folder, name)
    const found = await stat(path).catch(() => undefined)
    // Another machine's processes may share the folder.
    if (found !== undefined && now - found.mtimeMs > DAY_MS)
      await rm(path, { force: true }).catch(() => undefined)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** What a complete file says of its contents. Throws an Error when it is none, or damaged. */
export async function readHead(handle: FileHandle): Promise<EncodedHead> {
  const { size } = await handle.stat()
  const start = await readAt(handle, 0, MAGIC.length)
  const end = await readAt(handle, Math.max(0, size - 8), 8)
  if (!start.equals(MAGIC) || !end.subarray(4).equals(END)) throw new Error('no file of encoded samples')
  const length = end.readUInt32LE(0)
  if (length > MOST_HEAD_BYTES || length + MAGIC.length + 8 > size) throw new Error('its head is damaged')
  const head = JSON.parse((await readAt(handle, size - 8 - length, length)).toString('utf8')) as EncodedHead
  for (const { inputs, order, targets } of [head.train, head.test])
    for (const section of [inputs, order, targets])
      if (section !== undefined && section.offset + sectionBytes(section) > size - 8 - length)
        throw new Error('the file is too short')
  return head
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}

const SECTION_TYPES = { ...ROW_TYPES, uint32: Uint32Array } as const

export function sectionBytes({ type, length }: Section): number {
  return length * SECTION_TYPES[type].BYTES_PER_ELEMENT
}

/** The numbers of a section, in shared memory. Throws an Error for a file that is too short. */
export async function readSection(handle: FileHandle, section: Section): Promise<RowNumbers | Uint32Array> {
  const bytes = new Uint8Array(new SharedArrayBuffer(sectionBytes(section)))
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + (1 << 28)) as unknown as Uint8Array<ArrayBuffer>
    const { bytesRead } = await handle.read(piece, 0, piece.length, section.offset + at)
    if (bytesRead === 0) throw new Error('the file is too short')
    at += bytesRead
  }
  const Type: new (buffer: ArrayBufferLike) => RowNumbers | Uint32Array = SECTION_TYPES[section.type]
  return new Type(bytes.buffer)
}
