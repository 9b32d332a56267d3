/** NPZ: a zip of NPY arrays, and folders of NPY files; arrays `x`, `y` or `x_train`, `y_train`, `x_test`, `y_test`. */

import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { nearestName } from '@tempered/errors'
import yauzl, { type Entry, type ZipFile } from 'yauzl'
import { DataError } from '../data-error.js'
import { openNpy, openNpyFile } from './npy.js'
import type { ArraySource, NumberArray } from './raw.js'
import { openDataFile } from './text-stream.js'

const MAX_ENTRIES = 1000
/** Deflate packs at most 1,032 to 1: an entry that claims more is a lie. */
const MOST_EXPANSION = 1032

/** Opens an NPZ file with samples and targets. Throws E_DATA_NOT_FOUND, E_DATA_FORMAT, E_DATA_MISMATCH. */
export async function openNpz(file: string): Promise<ArraySource> {
  return assign(file, 'npz', await openNpzArrays(file))
}

/** The arrays of an NPZ file by name; nothing is unpacked but headers. Throws E_DATA_NOT_FOUND, E_DATA_FORMAT. */
export async function openNpzArrays(file: string): Promise<ReadonlyMap<string, NumberArray>> {
  const arrays = new Map<string, NumberArray>()
  const entries = await entriesOf(file)
  const [first] = entries
  if (first !== undefined && !entries.some(({ fileName }) => fileName.endsWith('.npy')))
    throw new DataError('E_DATA_FORMAT', `is a zip without arrays (it holds ${first.fileName}); unpack it`, {
      file,
    })
  for (const entry of entries) {
    if (!entry.fileName.endsWith('.npy')) continue
    const name = entry.fileName.slice(0, -'.npy'.length)
    checkEntry(file, name, entry)
    const size = entry.uncompressedSize
    arrays.set(name, await openNpy({ file, name, size, open: () => entryBytes(file, entry) }))
  }
  return arrays
}

/** Opens a folder of NPY files of the same names, or the folder of one of them. Throws as {@link openNpz}. */
export async function openNpyFolder(folder: string): Promise<ArraySource> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.npy')).sort()
  const arrays = new Map<string, NumberArray>()
  for (const file of names) {
    const name = file.slice(0, -'.npy'.length)
    if (isKnown(name)) arrays.set(name, await openNpyFile(join(folder, file), name))
  }
  return assign(folder, 'npy', arrays)
}

/**
 * Opens one NPY file: when it is called `x.npy` or `x_train.npy` with its targets beside it, otherwise inputs without
 * targets, which only next-token takes. Throws as {@link openNpz}.
 */
export async function openSingleNpy(file: string): Promise<ArraySource> {
  const name = basename(file, '.npy')
  if (isKnown(name)) {
    const beside = new Set(await readdir(dirname(file)))
    if (beside.has('y.npy') || beside.has('y_train.npy')) return openNpyFolder(dirname(file))
  }
  return { kind: 'arrays', format: 'npy', file, train: { inputs: await openNpyFile(file) }, images: false }
}

const KNOWN_NAMES = ['x', 'y', 'x_train', 'y_train', 'x_test', 'y_test']

function isKnown(name: string): boolean {
  return KNOWN_NAMES.includes(name.toLowerCase())
}

function assign(file: string, format: 'npy' | 'npz', found: ReadonlyMap<string, NumberArray>): ArraySource {
  const arrays = new Map([...found].map(([name, array]) => [name.toLowerCase(), array]))
  const inputs = arrays.get('x_train') ?? arrays.get('x')
  if (inputs === undefined) {
    const names = [...found.keys()]
    const near = names.find((name) => !isKnown(name) && nearestName(name, KNOWN_NAMES) !== undefined)
    throw new DataError(
      'E_DATA_MISMATCH',
      `has no array x or x_train (it has ${names.join(', ') || 'none'}${near === undefined ? '' : `; rename ${near}`}); ` +
        'save it with numpy.savez(file, x=…, y=…) or x_train, y_train, x_test, y_test',
      { file },
    )
  }
  const split = arrays.has('x_train')
  const targets = arrays.get(split ? 'y_train' : 'y')
  const train = { inputs, targets }
  const test = arrays.get('x_test')
  for (const [x, y] of [
    [inputs, targets],
    [test, arrays.get('y_test')],
  ] as const)
    checkPair(file, x, y)
  if (!split || test === undefined) return { kind: 'arrays', format, file, train, images: false }
  return {
    kind: 'arrays',
    format,
    file,
    train,
    test: { inputs: test, targets: arrays.get('y_test') },
    images: false,
  }
}

function checkPair(file: string, x: NumberArray | undefined, y: NumberArray | undefined): void {
  if (x === undefined || y === undefined || x.shape[0] === y.shape[0]) return
  throw new DataError(
    'E_DATA_MISMATCH',
    `${x.name} has ${x.shape[0]} samples, but ${y.name} ${y.shape[0]}; save both of the same samples`,
    { file },
  )
}

function checkEntry(file: string, name: string, entry: Entry): void {
  const place = { file: `${file} (${name})` }
  if (!entry.canDecodeFileData())
    throw new DataError('E_DATA_FORMAT', 'is packed or encrypted in a way that is not read here', place)
  if (entry.uncompressedSize > (entry.compressedSize + 64) * MOST_EXPANSION)
    throw new DataError(
      'E_DATA_FORMAT',
      `claims ${entry.uncompressedSize} bytes, which ${entry.compressedSize} packed bytes cannot hold`,
      place,
    )
}

async function openZip(file: string): Promise<ZipFile> {
  const handle = await openDataFile(file)
  await handle.close()
  return yauzl.openPromise(file, { lazyEntries: true, autoClose: false }).catch((cause: Error) => {
    throw damaged(file, cause)
  })
}

async function entriesOf(file: string): Promise<Entry[]> {
  const zip = await openZip(file)
  try {
    if (zip.entryCount > MAX_ENTRIES)
      throw new DataError('E_DATA_FORMAT', `holds ${zip.entryCount} arrays, above ${MAX_ENTRIES}`, { file })
    const entries: Entry[] = []
    for await (const entry of zip.eachEntry()) entries.push(entry)
    return entries
  } catch (cause) {
    throw cause instanceof DataError ? cause : damaged(file, cause as Error)
  } finally {
    zip.close()
  }
}

async function* entryBytes(file: string, entry: Entry): AsyncGenerator<Buffer> {
  const zip = await openZip(file)
  try {
    let checksum = 0
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      checksum = crc32(chunk as Buffer, checksum)
      yield chunk as Buffer
    }
    if (checksum !== entry.crc32) throw new Error('the checksum is wrong')
  } catch (cause) {
    throw cause instanceof DataError ? cause : damaged(file, cause as Error)
  } finally {
    zip.close()
  }
}

function damaged(file: string, cause: Error): DataError {
  return new DataError(
    'E_DATA_FORMAT',
    `is no zip of arrays, or damaged${/central directory/i.test(cause.message) ? '' : ` (${cause.message})`}; save it again with numpy.savez`,
    { file, cause },
  )
}
