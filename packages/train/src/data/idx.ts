/** A data set of IDX files in a folder: MNIST, Fashion-MNIST, KMNIST, EMNIST or anything of the same form. */

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from './data-error.js'
import { createDataset, type DataSource, type Dataset } from './dataset.js'
import { memoryArray } from './formats/memory-array.js'
import type { ArrayPart, ArraySource } from './formats/raw.js'
import { streamedArray } from './formats/streamed-array.js'
import { MAX_IDX_BYTES, openIdxStream, readIdxFile, unpackedBytes } from './idx-file.js'

export interface IdxOptions {
  /** Number of classes in [2, 256]; default: by the EMNIST name, otherwise as many as the labels need. */
  classes?: number | undefined
  /** Name of the data set; default: the common start of the file names, otherwise the folder. */
  name?: string
  /** Limit of one file in bytes after decompression; default 1 GiB. */
  maxBytes?: number
}

interface Role {
  prefix: string
  part: 'train' | 'test'
  kind: 'images' | 'labels'
  file: string
}

const FILE_NAME = /^(.*?)(train|t10k|test)-(images|labels)[-.]idx([13])-ubyte(\.gz)?$/

/** Whether a file is part of a set of IDX files, by its name. */
export function isIdxName(name: string): boolean {
  return FILE_NAME.test(name)
}

/** Classes and lowest label by the start of an EMNIST file name; EMNIST Letters counts its labels from 1. */
const KNOWN: readonly { name: RegExp; classes: number; lowest: number }[] = [
  { name: /emnist-letters-?$/, classes: 26, lowest: 1 },
  { name: /emnist-balanced-?$/, classes: 47, lowest: 0 },
  { name: /emnist-bymerge-?$/, classes: 47, lowest: 0 },
  { name: /emnist-byclass-?$/, classes: 62, lowest: 0 },
]

/** The files of a folder by role; if a file exists both plain and as .gz, the plain one is used. */
function findRoles(folder: string, names: readonly string[]): Role[] {
  const roles = new Map<string, Role>()
  for (const name of [...names].sort().reverse()) {
    const match = FILE_NAME.exec(name)
    if (match === null) continue
    const part = match[2] === 'train' ? 'train' : 'test'
    const kind = match[3] === 'images' ? 'images' : 'labels'
    const prefix = match[1] ?? ''
    roles.set(`${prefix}/${part}/${kind}`, { prefix, part, kind, file: join(folder, name) })
  }
  return [...roles.values()]
}

/** The files of one part, as read. */
interface RawPart {
  readonly images: Role
  readonly labels: Role
  readonly pixels: IdxContents
  readonly marks: IdxContents
}

type IdxContents = Awaited<ReturnType<typeof readIdxFile>>

async function readPart(images: Role, labels: Role, options: IdxOptions): Promise<RawPart> {
  const maxBytes = options.maxBytes ?? MAX_IDX_BYTES
  const pixels = await readIdxFile(images.file, 3, maxBytes)
  const marks = await readIdxFile(labels.file, 1, maxBytes)
  checkCounts(images, labels, pixels.dimensions, marks)
  return { images, labels, pixels, marks }
}

function checkCounts(
  images: Role,
  labels: Role,
  [count = 0]: readonly number[],
  { values }: IdxContents,
): void {
  if (values.length === count) return
  throw new DataError(
    'E_DATA_MISMATCH',
    `${values.length} labels, but ${count} images in ${images.file}; use both files of the same data set`,
    { file: labels.file, offset: 4 },
  )
}

/** The classes of a data set and the label of the first. */
interface Classes {
  readonly classes: number
  readonly lowest: number
  /** Where the number comes from and how to change it. */
  readonly because: string
}

function classesOf(
  prefix: string,
  parts: readonly Pick<RawPart, 'marks'>[],
  given: number | undefined,
): Classes {
  const known = KNOWN.find((entry) => entry.name.test(prefix))
  const lowest = known?.lowest ?? 0
  if (given !== undefined) {
    const because =
      'which the run says (`--classes` of `manifest create`, `data.classes` of a scenario): make it larger'
    return { classes: given, lowest, because }
  }
  if (known !== undefined)
    return {
      classes: known.classes,
      lowest,
      because: `which follow from the name ${prefix}: rename the files`,
    }
  // Both parts together: either may lack the last classes.
  const most = parts.reduce((largest, { marks }) => marks.values.reduce((a, b) => Math.max(a, b), largest), 1)
  return { classes: most + 1, lowest, because: 'which the labels need' }
}

function createPart(part: RawPart, name: string, classes: Classes): Dataset {
  const { pixels } = part
  const [, height = 0, width = 0] = pixels.dimensions
  return createDataset({
    name,
    inputs: pixels.values,
    targets: classLabels(part, classes),
    classes: classes.classes,
    shape: [height, width, 1],
  })
}

/** Labels from 0 on. Throws E_LABEL_RANGE. */
function classLabels(
  { labels, marks }: Pick<RawPart, 'labels' | 'marks'>,
  { classes, lowest, because }: Classes,
): Uint8Array {
  const count = marks.values.length
  const shifted = new Uint8Array(count)
  for (let k = 0; k < count; k++) {
    const label = marks.values[k] as number
    if (label < lowest || label >= lowest + classes) {
      throw new DataError(
        'E_LABEL_RANGE',
        `label ${label} of sample ${k} is outside [${lowest}, ${lowest + classes - 1}], the labels of ${classes} classes, ${because}`,
        { file: labels.file, offset: 8 + k },
      )
    }
    shifted[k] = label - lowest
  }
  return shifted
}

/** The four files of a folder: images and labels of training, then of test. */
type FourFiles = readonly [Role, Role, Role, Role]

async function fourFiles(folder: string): Promise<FourFiles> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new DataError('E_DATA_NOT_FOUND', 'is not a readable folder', { file: folder, cause })
  })
  const roles = findRoles(folder, names)
  const prefixes = [...new Set(roles.map((role) => role.prefix))].sort()
  if (prefixes.length > 1) {
    throw new DataError(
      'E_DATA_AMBIGUOUS',
      `holds several data sets (${prefixes.map((prefix) => `'${prefix}…'`).join(', ')}); put each in its own folder`,
      { file: folder },
    )
  }
  const take = (part: Role['part'], kind: Role['kind']): Role => {
    const role = roles.find((candidate) => candidate.part === part && candidate.kind === kind)
    if (role !== undefined) return role
    const wanted = `${prefixes[0] ?? ''}${part === 'train' ? 'train' : 't10k'}-${kind}-idx${kind === 'images' ? 3 : 1}-ubyte`
    throw new DataError(
      'E_DATA_NOT_FOUND',
      `has no ${wanted} or ${wanted}.gz; put the four IDX files there`,
      {
        file: folder,
      },
    )
  }
  return [take('train', 'images'), take('train', 'labels'), take('test', 'images'), take('test', 'labels')]
}

function nameOf({ prefix }: Role, folder: string): string {
  return prefix.replace(/[-_.]+$/, '') || folder
}

/**
 * Loads the data set of a folder: `[prefix]train-images-idx3-ubyte[.gz]`, `[prefix]train-labels-idx1-ubyte[.gz]` and
 * the same with `t10k` or `test` for the test part (`.idx3-ubyte` is read too). EMNIST Letters' labels 1–26 become
 * 0–25; pixels are not changed (EMNIST images are stored transposed). Images of any size, up to 256 classes.
 *
 * Throws DataError: E_DATA_NOT_FOUND (folder or one of the four files), E_DATA_AMBIGUOUS (several data sets),
 * E_DATA_MISMATCH (counts or image sizes differ), E_LABEL_RANGE, and those of {@link readIdxFile}.
 */
export async function loadIdxFolder(folder: string, options: IdxOptions = {}): Promise<DataSource> {
  const [trainImages, trainLabels, testImages, testLabels] = await fourFiles(folder)
  const name = options.name ?? nameOf(trainImages, folder)
  const parts = [
    await readPart(trainImages, trainLabels, options),
    await readPart(testImages, testLabels, options),
  ] as const
  const classes = classesOf(trainImages.prefix, parts, options.classes)
  const [train, test] = [createPart(parts[0], name, classes), createPart(parts[1], name, classes)]
  checkSizes(testImages, train.shape, test.shape)
  return { train, test }
}

function checkSizes({ file }: Role, train: readonly number[], test: readonly number[]): void {
  const [own, other] = [train, test].map(([height, width]) => `${height}×${width}`)
  if (own === other) return
  throw new DataError('E_DATA_MISMATCH', `images are ${other}, the training images ${own}`, {
    file,
    offset: 8,
  })
}

/** Bytes of the images of a folder that {@link loadIdxFolder} would hold. Throws E_DATA_NOT_FOUND, E_DATA_AMBIGUOUS. */
export async function idxImageBytes(folder: string): Promise<number> {
  const [trainImages, , testImages] = await fourFiles(folder)
  return (await unpackedBytes(trainImages.file)) + (await unpackedBytes(testImages.file))
}

/** Opens the same folder with the images left where they are. Throws as {@link loadIdxFolder}. */
export async function openIdxFolder(folder: string, options: IdxOptions = {}): Promise<ArraySource> {
  const [trainImages, trainLabels, testImages, testLabels] = await fourFiles(folder)
  const parts = [await openPart(trainImages, trainLabels), await openPart(testImages, testLabels)] as const
  const classes = classesOf(trainImages.prefix, parts, options.classes)
  const [train, test] = [arrayPart(parts[0], classes), arrayPart(parts[1], classes)]
  checkSizes(testImages, train.inputs.shape.slice(1), test.inputs.shape.slice(1))
  return {
    kind: 'arrays',
    format: 'idx',
    file: folder,
    name: options.name ?? nameOf(trainImages, folder),
    ...{ train, test },
    images: true,
    classes: classes.classes,
  }
}

async function openPart(images: Role, labels: Role) {
  const pixels = await openIdxStream(images.file, 3)
  const marks = await readIdxFile(labels.file, 1)
  checkCounts(images, labels, pixels.dimensions, marks)
  return { images, labels, pixels, marks }
}

function arrayPart(part: Awaited<ReturnType<typeof openPart>>, classes: Classes): ArrayPart {
  const { file } = part.images
  const labels = classLabels(part, classes)
  return {
    inputs: streamedArray(file, 'images', [...part.pixels.dimensions, 1], part.pixels.bytes),
    targets: memoryArray(file, 'labels', [labels.length], labels),
  }
}
