/**
 * Encoded samples on disk, so that a second start does not parse again. One file per source and task in the cache
 * folder, readable by its owner alone: a line of JSON, then the arrays of training and test. The key is a hash of the
 * source's contents and of everything that decides what is made of them; the contents are checked by their hashes.
 */

import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpenTask } from '../task/task.js'
import { createDataset, type DataSource, type Dataset, type Inputs, type Targets } from './dataset.js'
import { hashSource } from './source-hash.js'

/** Raised whenever the same source and task would give other numbers. */
const VERSION = 1
const PREFIX = 'encoded-'
/** The oldest files beyond this number are removed. */
const MOST_FILES = 8
/** Smaller sources are parsed faster than they are looked up. */
const LEAST_BYTES = 1024 * 1024
/** Files and folders whose contents take long to parse: tables, texts, and folders of images. */
const SLOW_FILE = /\.(csv|tsv|jsonl|ndjson|parquet)(\.gz)?$/i
const FAST_FILE = /\.(npy|npz|bin)$|-ubyte(\.gz)?$/i

const ARRAYS = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array } as const
type ArrayName = keyof typeof ARRAYS

interface PartHead {
  readonly name: string
  readonly classes: number
  readonly classNames: readonly string[] | undefined
  readonly shape: readonly number[]
  readonly sha256: string
  readonly inputs: readonly [ArrayName, number]
  readonly targets: readonly [ArrayName, number]
}

interface Head {
  readonly train: PartHead
  readonly test: PartHead
  readonly notices: readonly string[] | undefined
}

/** What decides how a source is encoded. */
export interface CacheKey {
  readonly source: string
  readonly test: string | number | undefined
  readonly open: OpenTask
}

/** Path of the file of a source under a task; undefined where a cache is not worth it. */
export async function cacheFile(
  folder: string,
  { source, test, open }: CacheKey,
): Promise<string | undefined> {
  if (folder === '' || !(await isSlow(source))) return undefined
  const { input, output } = open.task
  const parts = {
    version: VERSION,
    source,
    contents: await hashSource(source),
    test: typeof test === 'string' ? [test, await hashSource(test)] : test,
    input,
    output,
  }
  const key = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
  return join(folder, `${PREFIX}${key}.bin`)
}

async function isSlow(source: string): Promise<boolean> {
  const found = await stat(source).catch(() => undefined)
  if (found === undefined) return false
  if (!found.isDirectory()) return SLOW_FILE.test(source) && found.size >= LEAST_BYTES
  const names = await readdir(source).catch(() => [])
  return names.length > 0 && !names.some((name) => FAST_FILE.test(name))
}

/** The samples in a cache file; undefined when there is none or it is damaged. */
export async function readEncoded(file: string): Promise<DataSource | undefined> {
  const handle = await open(file).catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    const { size } = await handle.stat()
    const start = await handle.read(Buffer.alloc(4), 0, 4, 0)
    const length = start.buffer.readUInt32LE(0)
    if (length > size) return undefined
    const text = await handle.read(Buffer.alloc(length), 0, length, 4)
    const head = JSON.parse(text.buffer.toString('utf8')) as Head
    let at = 4 + length
    const take = async ([type, count]: readonly [ArrayName, number]): Promise<Inputs & Targets> => {
      const bytes = count * ARRAYS[type].BYTES_PER_ELEMENT
      if (at + bytes > size) throw new Error('the file is too short')
      const shared = new SharedArrayBuffer(bytes)
      await readInto(handle, new Uint8Array(shared), at)
      at += bytes
      const Type: new (buffer: SharedArrayBuffer) => Inputs = ARRAYS[type]
      return new Type(shared) as Inputs & Targets
    }
    const part = async ({ sha256, inputs, targets, ...rest }: PartHead): Promise<Dataset> => {
      const dataset = createDataset({ ...rest, inputs: await take(inputs), targets: await take(targets) })
      if (dataset.sha256 !== sha256) throw new Error('other contents')
      return dataset
    }
    const [train, test] = [await part(head.train), await part(head.test)]
    return head.notices === undefined ? { train, test } : { train, test, notices: head.notices }
  } catch {
    return undefined
  } finally {
    await handle.close()
  }
}

/** Fills `bytes` from an offset on, in pieces: one read takes less than 2 GiB. */
async function readInto(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  const PIECE = 1 << 28
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + PIECE) as Uint8Array<ArrayBuffer>
    const { bytesRead } = await handle.read(piece, 0, piece.length, offset + at)
    if (bytesRead === 0) throw new Error('the file is too short')
    at += bytesRead
  }
}

/** Writes a cache file; a folder that cannot be written is no error, since everything works without it. */
export async function writeEncoded(file: string, folder: string, source: DataSource): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomUUID()}.tmp`
  try {
    await mkdir(folder, { recursive: true })
    const handle = await open(temporary, 'wx', 0o600)
    try {
      const { train, test, notices } = source
      const head: Head = { train: headOf(train), test: headOf(test), notices }
      const text = Buffer.from(JSON.stringify(head))
      const length = Buffer.alloc(4)
      length.writeUInt32LE(text.length)
      for (const bytes of [length, text]) await handle.write(bytes)
      for (const { inputs, targets } of [train, test])
        for (const array of [inputs, targets])
          await handle.writeFile(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
    await removeOldest(folder)
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined)
  }
}

function headOf({ name, classes, classNames, shape, sha256, inputs, targets }: Dataset): PartHead {
  const describe = (array: Inputs | Targets): [ArrayName, number] => {
    const type = (Object.keys(ARRAYS) as ArrayName[]).find((known) => array instanceof ARRAYS[known])
    return [type as ArrayName, array.length]
  }
  return { name, classes, classNames, shape, sha256, inputs: describe(inputs), targets: describe(targets) }
}

async function removeOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(PREFIX) && name.endsWith('.bin'))
  const files = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), at: (await stat(join(folder, name))).mtimeMs })),
  )
  files.sort((a, b) => b.at - a.at)
  for (const { path } of files.slice(MOST_FILES)) await rm(path, { force: true })
}
