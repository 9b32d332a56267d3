/** Which format a path has: by what is there, its name, and its first bytes. */

import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DataError } from '../data-error.js'
import { type DataSource, type Dataset, inputArray } from '../dataset.js'
import { loadEmbeddedMnist } from '../embedded-mnist.js'
import { idxImageBytes, isIdxName, loadIdxFolder, openIdxFolder } from '../idx.js'
import { MAX_IDX_BYTES } from '../idx-file.js'
import { MAX_ARRAY_BYTES } from '../limits.js'
import { isCifar, openCifar } from './cifar.js'
import { headOf, refuseForeign } from './file-head.js'
import { memoryArray } from './memory-array.js'
import type { ArrayPart, ArraySource, RawSource, ReadOptions, RowSource } from './raw.js'
import { statData, unreadable } from './text-stream.js'

/** Whether a folder's files are arrays by name. */
function isNpyFolder(names: readonly string[]): boolean {
  return names.some((name) => name === 'x.npy' || name === 'x_train.npy')
}

/** The source of the embedded digits. */
export const EMBEDDED = 'mnist'

const KNOWN =
  'known are tables (.csv, .tsv, .parquet), JSON lines (.jsonl), arrays (.npy, .npz, a folder with x.npy and y.npy), ' +
  'folders with one folder of .png or .jpg images per class, IDX files, CIFAR-10 and CIFAR-100 in binary form, ' +
  'and a folder with train.csv and test.csv (or another kind of table)'

type RowReader = (file: string) => Promise<RowSource>
// Readers are loaded when they are needed: a node that trains on digits needs no Parquet.
const openCsv: RowReader = async (file) => (await import('./csv.js')).openCsv(file)
const openJsonLines: RowReader = async (file) => (await import('./jsonl.js')).openJsonLines(file)
const openParquet: RowReader = async (file) => (await import('./parquet.js')).openParquet(file)
const arrays = () => import('./npz.js')

const ROW_READERS: readonly [ending: RegExp, reader: RowReader][] = [
  [/\.(csv|tsv)(\.gz)?$/i, openCsv],
  [/\.(jsonl|ndjson)(\.gz)?$/i, openJsonLines],
  [/\.parquet$/i, openParquet],
]

/**
 * Opens a source of any known form; samples are read later where the format allows it. `cacheFolder` keeps the
 * embedded digits. Throws DataError: E_DATA_NOT_FOUND, E_DATA_UNKNOWN with the list of what is known, and those of the
 * format.
 */
export async function openSource(
  path: string,
  cacheFolder: string,
  options: ReadOptions = {},
): Promise<RawSource> {
  if (path === EMBEDDED) return fromDatasets(path, 'mnist', await loadEmbeddedMnist(cacheFolder))
  return (await statData(path)).isDirectory() ? openFolder(path, options) : openFile(path)
}

function readerOf(name: string): RowReader | undefined {
  return ROW_READERS.find(([ending]) => ending.test(name))?.[1]
}

async function openFile(file: string): Promise<RawSource> {
  const head = await headOf(file)
  await refuseForeign(file, head)
  const reader = readerOf(file)
  if (reader !== undefined) return reader(file)
  if (/\.npz$/i.test(file)) return (await arrays()).openNpz(file)
  if (/\.npy$/i.test(file)) return (await arrays()).openSingleNpy(file)
  const magic = head.toString('latin1', 0, 6)
  if (magic.startsWith('PAR1')) return openParquet(file)
  if (magic === '\x93NUMPY') return (await arrays()).openSingleNpy(file)
  if (magic.startsWith('PK\x03\x04')) return (await arrays()).openNpz(file)
  if (isIdxName(basename(file)))
    throw new DataError('E_DATA_UNKNOWN', 'is one IDX file of several; name the folder that holds all four', {
      file,
    })
  if (/\.bin$/i.test(file))
    throw new DataError('E_DATA_UNKNOWN', 'is one file of a set; name the folder that holds all of them', {
      file,
    })
  if (/\.(png|jpe?g)$/i.test(file))
    throw new DataError(
      'E_DATA_UNKNOWN',
      'is a single image; name a folder with one folder of images per class',
      {
        file,
      },
    )
  if (magic.startsWith('{')) return openJsonLines(file)
  if (/^\s*\[\s*[[{]/.test(head.toString('utf8')))
    throw new DataError(
      'E_DATA_FORMAT',
      'is one JSON list; write one JSON object per line (for example: jq -c ".[]" data.json > data.jsonl)',
      { file, line: 1 },
    )
  const firstLine = head.toString('utf8').split('\n', 1)[0] as string
  if (!head.includes(0) && /[,;\t|]/.test(firstLine)) return openCsv(file)
  if (head.length === 0) throw new DataError('E_DATA_EMPTY', 'is empty', { file })
  throw new DataError('E_DATA_UNKNOWN', `is in no known format; ${KNOWN}`, { file })
}

async function openFolder(folder: string, options: ReadOptions): Promise<RawSource> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch(
    (cause: NodeJS.ErrnoException) => {
      throw unreadable(folder, cause)
    },
  )
  const names = entries.map(({ name }) => name)
  if (names.every((name) => name.startsWith('.')))
    throw new DataError('E_DATA_EMPTY', 'is an empty folder; name one with data in it, or a file', {
      file: folder,
    })
  if (names.some(isIdxName)) {
    refuseImages(folder, options)
    return openIdx(folder, options)
  }
  if (isCifar(names)) {
    refuseImages(folder, options)
    return openCifar(folder, names, options)
  }
  if (isNpyFolder(names)) return (await arrays()).openNpyFolder(folder)
  const tables = await openTables(folder, names)
  if (tables !== undefined) return tables
  const { openImageFolder } = await import('./image-folder.js')
  const images = await openImageFolder(folder, options, () => refuseImages(folder, options))
  if (images !== undefined) return images
  throw new DataError('E_DATA_UNKNOWN', `holds nothing in a known format; ${KNOWN}`, { file: folder })
}

/** Before their labels are looked at: with a task of another kind they mean nothing. */
function refuseImages(folder: string, { input }: ReadOptions): void {
  if (input !== 'table' && input !== 'text') return
  throw new DataError(
    'E_DATA_MISMATCH',
    `holds images, but the task takes ${input === 'table' ? 'the columns of a table' : 'texts'}; name other data, or ` +
      'a task with input `type: image`',
    { file: folder },
  )
}

/** IDX files as they are, or piece by piece where they do not fit into memory. */
async function openIdx(
  folder: string,
  { classes, mostBytes = MAX_ARRAY_BYTES }: ReadOptions,
): Promise<ArraySource> {
  if ((await idxImageBytes(folder)) > Math.min(mostBytes, MAX_IDX_BYTES))
    return openIdxFolder(folder, { classes })
  return fromDatasets(folder, 'idx', await loadIdxFolder(folder, { classes }))
}

/** A folder's only table or NPZ file, or its train and test tables. */
async function openTables(folder: string, names: readonly string[]): Promise<RawSource | undefined> {
  const tables = names.filter((name) => readerOf(name) !== undefined || /\.npz$/i.test(name))
  const [only, other] = tables
  if (only === undefined) return undefined
  if (other === undefined) return openFile(join(folder, only))
  const named = (part: string) => tables.filter((name) => name.toLowerCase().startsWith(`${part}.`))
  const [train, test] = [named('train'), named('test')]
  const readers = [readerOf(train[0] ?? ''), readerOf(test[0] ?? '')]
  if (train.length === 1 && test.length === 1 && readers[0] !== undefined && readers[1] !== undefined) {
    return {
      kind: 'row-pair',
      file: folder,
      train: await readers[0](join(folder, train[0] as string)),
      test: await readers[1](join(folder, test[0] as string)),
    }
  }
  throw new DataError(
    'E_DATA_AMBIGUOUS',
    `holds several files of data (${tables.slice(0, 5).join(', ')}); name one of them, or call two of them train and test`,
    { file: folder },
  )
}

function fromDatasets(file: string, format: ArraySource['format'], datasets: DataSource): ArraySource {
  const { train, test } = datasets
  const part = (dataset: Dataset): ArrayPart => ({
    inputs: memoryArray(file, 'images', [dataset.count, ...dataset.shape], inputArray(dataset)),
    targets: memoryArray(file, 'labels', [dataset.count], dataset.targets),
  })
  return {
    kind: 'arrays',
    format,
    file,
    name: train.name,
    datasets,
    train: part(train),
    test: part(test),
    images: true,
    classes: train.classes,
    classNames: train.classNames,
  }
}
