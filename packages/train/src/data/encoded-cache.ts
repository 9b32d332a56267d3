/**
 * Encoded samples on disk: so that a second start does not parse again, and where samples that do not fit into memory
 * are read from. One file per source and task in the cache folder, see encoded-file.ts. The key is a hash of the
 * source's contents and of everything that decides what is made of them; the contents are checked by their hashes.
 */

import { createHash } from 'node:crypto'
import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, errorMessage } from '@tempered/errors'
import type { OpenTask } from '../task/task.js'
import {
  createAnyDataset,
  type DataSource,
  type Dataset,
  type Inputs,
  inMemory,
  type Targets,
} from './dataset.js'
import {
  createEncodedWriter,
  ENCODED_PREFIX,
  type EncodedHead,
  type EncodedWriter,
  type PartHead,
  readHead,
  readSection,
  type Section,
  sectionBytes,
} from './encoded-file.js'
import { type FileRows, ROW_TYPES, type RowNumbers, type RowType, sampleBytes } from './row-file.js'
import { hashSource } from './source-hash.js'

/** Raised whenever the same source and task would give other numbers or notices, or the file another form. */
const VERSION = 4
/** The oldest files beyond this number are removed, and those beyond so many bytes; the newest stays. */
const MOST_FILES = 8
const MOST_BYTES = 64e9
/** Smaller sources are parsed faster than they are looked up. */
const LEAST_BYTES = 1024 * 1024
/** Files and folders whose contents take long to parse: tables, texts, and folders of images. */
const SLOW_FILE = /\.(csv|tsv|jsonl|ndjson|parquet)(\.gz)?$/i
const FAST_FILE = /\.(npy|npz|bin)$|-ubyte(\.gz)?$/i
/** Bytes become four as float32, and packed ones still more. */
const MOST_GROWTH = 8

/** What decides how a source is encoded. */
export interface CacheKey {
  readonly source: string
  readonly test: string | number | undefined
  readonly classes: number | undefined
  readonly open: OpenTask | undefined
}

/**
 * Why a source is worth a look into the cache: it takes long to parse under a task (`slow`), or its samples may not fit
 * into `memory` bytes (`large`); undefined when it is not.
 */
export async function cacheReason(
  { source, open }: CacheKey,
  memory: number,
): Promise<'slow' | 'large' | undefined> {
  const found = await stat(source).catch(() => undefined)
  if (found === undefined) return undefined
  const large = (bytes: number) => (bytes * MOST_GROWTH > memory ? 'large' : undefined)
  if (!found.isDirectory()) {
    const slow = open !== undefined && SLOW_FILE.test(source) && found.size >= LEAST_BYTES
    return slow ? 'slow' : large(found.size)
  }
  const names = await readdir(source).catch(() => [])
  if (names.length === 0) return undefined
  if (open !== undefined && !names.some((name) => FAST_FILE.test(name))) return 'slow'
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(source, name)).catch(() => undefined))?.size ?? 0),
  )
  return large(sizes.reduce((sum, size) => sum + size, 0))
}

/** Path of the file of a source under a task, in `folder`. */
export async function cacheFile(folder: string, { source, test, classes, open }: CacheKey): Promise<string> {
  const parts = {
    version: VERSION,
    source,
    contents: await hashSource(source),
    test: typeof test === 'string' ? [test, await hashSource(test)] : test,
    input: open?.task.input,
    output: open?.task.output,
    classes: open === undefined ? classes : undefined,
  }
  const key = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
  return join(folder, `${ENCODED_PREFIX}${key}.bin`)
}

/**
 * The samples in a cache file: in memory as far as they fit into `memory` bytes, otherwise where they are. Undefined when
 * there is no such file or it is damaged.
 */
export async function readEncoded(file: string, memory: number): Promise<DataSource | undefined> {
  const handle = await open(file).catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    const head = await readHead(handle)
    const { train, test, notices } = head
    let free = memory - [train, test].reduce((sum, part) => sum + sideBytes(part), 0)
    const parts: Dataset[] = []
    for (const part of [train, test]) {
      const [rows, targets] = [await rowsOf(handle, file, part), await readSection(handle, part.targets)]
      const fits = rows.byteLength <= free
      if (fits) free -= rows.byteLength
      const { name, classes, classNames, shape, sha256 } = part
      const inputs = fits ? await inputsInMemory(rows) : rows
      const dataset = await createAnyDataset({
        ...{ name, classes, classNames, shape, inputs },
        targets: targets as Targets,
      })
      if (dataset.sha256 !== sha256) throw new Error('other contents')
      parts.push(dataset)
    }
    const source = { train: parts[0] as Dataset, test: parts[1] as Dataset }
    return notices === undefined ? source : { ...source, notices }
  } catch {
    return undefined
  } finally {
    await handle.close()
  }
}

/** Bytes of a part that are in memory in any case. */
function sideBytes({ targets, order }: PartHead): number {
  return sectionBytes(targets) + (order === undefined ? 0 : sectionBytes(order))
}

async function rowsOf(
  handle: FileHandle,
  path: string,
  { inputs, order, shape }: PartHead,
): Promise<FileRows> {
  const { size, mtimeMs } = await handle.stat()
  const width = shape.reduce((product, next) => product * next, 1)
  const type = inputs.type as RowType
  const rows = order === undefined ? undefined : ((await readSection(handle, order)) as Uint32Array)
  const length = rows === undefined ? inputs.length : rows.length * width
  return {
    ...{ path, type, width, length, order: rows },
    offset: inputs.offset,
    byteLength: length * ROW_TYPES[type].BYTES_PER_ELEMENT,
    fileBytes: size,
    modifiedMs: mtimeMs,
  }
}

async function inputsInMemory(rows: FileRows): Promise<RowNumbers> {
  const shared = new SharedArrayBuffer(rows.byteLength)
  const bytes = new Uint8Array(shared)
  let at = 0
  for await (const piece of sampleBytes(rows)) {
    bytes.set(piece, at)
    at += piece.length
  }
  const Type: new (buffer: SharedArrayBuffer) => RowNumbers = ROW_TYPES[rows.type]
  return new Type(shared)
}

/** Writes a cache file. Resolves to what is to be said when that fails, which is no error: everything works without it. */
export async function writeEncoded(
  file: string,
  folder: string,
  source: DataSource,
): Promise<string | undefined> {
  let writer: EncodedWriter | undefined
  try {
    writer = await createEncodedWriter(folder)
    await writer.finish(await appendParts(writer, source))
    if (!(await writer.publish(file, false))) {
      // Damaged, or written by another process at the same time.
      if ((await readEncoded(file, 0)) === undefined) await writer.publish(file, true)
      else await writer.abandon()
    }
    await removeOldest(folder, file)
    return undefined
  } catch (error) {
    await writer?.abandon()
    return (
      `what was read of it cannot be kept in ${folder} (${errorCode(error) ?? errorMessage(error)}), so that it is read ` +
      'anew at each start; set TEMPERED_CACHE to a folder that can be written'
    )
  }
}

/**
 * Completes the file that samples of `source` are in: under the name `file`, or as a temporary one that the end of the
 * process removes. Returns the source with rows of that file, or what another process left under that name meanwhile.
 * Throws E_DATA_DISK.
 */
export async function keepEncoded(
  writer: EncodedWriter,
  source: DataSource,
  folder: string,
  file: string | undefined,
  memory: number,
): Promise<DataSource> {
  await writer.finish(file === undefined ? undefined : await appendParts(writer, source))
  if (file === undefined) return settled(source, writer.path)
  if (!(await writer.publish(file, false))) {
    const other = await readEncoded(file, memory)
    if (other !== undefined) {
      await writer.abandon()
      return other
    }
    await writer.publish(file, true)
  }
  await removeOldest(folder, file).catch(() => undefined)
  return settled(source, file)
}

/** The same with the rows of both parts in the file `path`, as it is now. */
async function settled({ train, test, ...rest }: DataSource, path: string): Promise<DataSource> {
  const { size, mtimeMs } = await stat(path)
  const part = (dataset: Dataset): Dataset => {
    const { inputs } = dataset
    return inMemory(inputs)
      ? dataset
      : { ...dataset, inputs: { ...inputs, path, fileBytes: size, modifiedMs: mtimeMs } }
  }
  return { ...rest, train: part(train), test: part(test) }
}

async function appendParts(writer: EncodedWriter, source: DataSource): Promise<EncodedHead> {
  const { train, test, notices } = source
  return { train: await appendPart(writer, train), test: await appendPart(writer, test), notices }
}

async function appendPart(writer: EncodedWriter, dataset: Dataset): Promise<PartHead> {
  const { name, classes, classNames, shape, sha256, inputs, targets } = dataset
  const order = inMemory(inputs) ? undefined : inputs.order
  return {
    ...{ name, classes, classNames, shape, sha256 },
    inputs: await inputSection(writer, inputs),
    order: order === undefined ? undefined : await writer.append(order),
    targets: await writer.append(targets),
  }
}

async function inputSection(writer: EncodedWriter, inputs: Inputs): Promise<Section> {
  if (inMemory(inputs)) return writer.append(inputs)
  const { type, offset, width, order, length } = inputs
  return { type, offset, length: order === undefined ? length : ((order.at(-1) ?? -1) + 1) * width }
}

async function removeOldest(folder: string, newest: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^encoded-[0-9a-f]+\.bin$/.test(name))
  const files = await Promise.all(
    names.map(async (name) => {
      const { mtimeMs, size } = await stat(join(folder, name))
      return { path: join(folder, name), mtimeMs, size }
    }),
  )
  files.sort((a, b) => Number(b.path === newest) - Number(a.path === newest) || b.mtimeMs - a.mtimeMs)
  let bytes = 0
  for (const [k, { path, size }] of files.entries()) {
    bytes += size
    if (k > 0 && (k >= MOST_FILES || bytes > MOST_BYTES)) await rm(path, { force: true })
  }
}
