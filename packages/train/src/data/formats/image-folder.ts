/** Folders of images, one per class: `root/<class>/*.png`, or `root/train/<class>/…` and `root/test/<class>/…`. */

import { readdir } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { counted, nearestName } from '@tempered/errors'
import { DataError } from '../data-error.js'
import { decodeImage, IMAGE_NAME, imageSize, writePixels } from './image-file.js'
import { memoryArray } from './memory-array.js'
import type { ArrayPart, ArraySource, ReadOptions } from './raw.js'
import { streamedArray } from './streamed-array.js'
import { openDataFile, unreadable } from './text-stream.js'

/** Bytes that hold the header of nearly every image. */
const HEAD_BYTES = 65_536
const READS_AT_A_TIME = 8
type ImageShape = readonly [number, number, number]

interface ClassFolder {
  readonly name: string
  readonly files: readonly string[]
  /** Files that are no images by their names; hidden ones do not count. */
  readonly others: readonly string[]
}

async function list(folder: string) {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(folder, cause)
  })
  const strange = entries.find(({ name }) => name.includes('\ufffd'))
  if (strange === undefined) return entries
  throw new DataError('E_DATA_FORMAT', 'its name is not UTF-8; rename it', {
    file: join(folder, strange.name),
  })
}

/** The classes of a folder: its folders, also empty ones. Undefined when none holds an image. */
async function classFolders(root: string): Promise<ClassFolder[] | undefined> {
  const folders: ClassFolder[] = []
  for (const entry of await list(root)) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue
    const path = join(root, entry.name)
    const files = (await list(path))
      .filter((file) => !file.name.startsWith('.') && !file.isDirectory())
      .map(({ name }) => join(path, name))
      .sort()
    folders.push({
      name: entry.name,
      files: files.filter((name) => IMAGE_NAME.test(name)),
      others: files.filter((name) => !IMAGE_NAME.test(name)),
    })
  }
  return folders.some(({ files }) => files.length > 0) ? folders.sort(byName) : undefined
}

/** Names that are all numbers in the order of the numbers, others in that of their characters. */
function byName(a: ClassFolder, b: ClassFolder): number {
  const difference = Number(a.name) - Number(b.name)
  if (!Number.isNaN(difference) && difference !== 0) return difference
  return a.name < b.name ? -1 : 1
}

interface Found {
  readonly train: readonly ClassFolder[]
  readonly test: readonly ClassFolder[] | undefined
  /** The folder of a class. */
  placeOf(name: string): string
}

/** The images of a folder by class, or undefined when it is not such a folder. Throws E_DATA_NOT_FOUND. */
async function findImages(root: string): Promise<Found | undefined> {
  const names = (await list(root)).filter((entry) => entry.isDirectory()).map(({ name }) => name)
  if (names.includes('train')) {
    const train = await classFolders(join(root, 'train'))
    const test = names.includes('test') ? await classFolders(join(root, 'test')) : undefined
    if (train !== undefined) {
      const placeOf = (name: string): string =>
        join(root, train.some((one) => one.name === name) ? 'train' : 'test', name)
      return { train, test, placeOf }
    }
  }
  const train = await classFolders(root)
  return train === undefined ? undefined : { train, test: undefined, placeOf: (name) => join(root, name) }
}

/**
 * Opens a folder of images, or returns undefined when it holds no folder with images; images are decoded when their
 * numbers are asked for, a few at a time. Without `imageShape` all images must have one size, and they have one channel
 * if all of them are grey, otherwise three. `onFound` is called before anything is checked. `notices` is complete once all images were read.
 * Throws E_DATA_NOT_FOUND, E_DATA_FORMAT, E_DATA_MISMATCH, E_LABEL_RANGE, E_DATA_TOO_LARGE.
 */
export async function openImageFolder(
  root: string,
  options: ReadOptions,
  onFound: () => void = () => undefined,
): Promise<ArraySource | undefined> {
  const found = await findImages(root)
  if (found === undefined) return undefined
  onFound()
  const notices: string[] = []
  const all = [...found.train, ...(found.test ?? [])]
  noteOthers(
    root,
    all.flatMap(({ others }) => others),
    notices,
  )
  const names = [...new Set(all.map(({ name }) => name))]
  const anySizes = options.asFiles === true
  const classes = anySizes
    ? { numbers: new Map(names.map((name, k) => [name, k])), count: names.length, names }
    : classNumbers(root, names, options, notices, found.placeOf)
  const shape =
    options.imageShape ?? (anySizes ? [1, 1, 3] : await commonShape(all.flatMap(({ files }) => files)))
  const part = (folders: readonly ClassFolder[]) => imagePart(root, folders, classes.numbers, shape, notices)
  return {
    kind: 'arrays',
    format: 'images',
    file: root,
    train: part(found.train),
    test: found.test === undefined ? undefined : part(found.test),
    images: true,
    classes: classes.count,
    classNames: classes.names,
    notices,
  }
}

function noteOthers(root: string, files: readonly string[], notices: string[]): void {
  if (files.length === 0) return
  const shown = some(files.map((file) => relative(root, file)).slice(0, 4))
  const more = files.length > 4 ? ', …' : ''
  notices.push(
    `${counted(files.length, 'file')} left out, being neither PNG nor JPEG by name: ${shown}${more}`,
  )
}

/** An image and the folder of its class. */
interface ListedImage {
  readonly file: string
  readonly folder: string
}

/** The images of a folder that {@link openImageFolder} opens, in its order. */
export async function listImages(
  root: string,
): Promise<{ readonly train: readonly ListedImage[]; readonly test: readonly ListedImage[] }> {
  const found = await findImages(root)
  const flat = (folders: readonly ClassFolder[] = []): ListedImage[] =>
    folders.flatMap(({ name, files }) => files.map((file) => ({ file, folder: name })))
  return { train: flat(found?.train), test: flat(found?.test) }
}

interface ClassNumbers {
  readonly numbers: ReadonlyMap<string, number>
  readonly count: number
  readonly names: readonly string[]
}

/** Which number each folder's class has: by the names or numbers of the task, otherwise in the order of the names. */
function classNumbers(
  root: string,
  names: readonly string[],
  { classNames, classes }: ReadOptions,
  notices: string[],
  placeOf: (name: string) => string,
): ClassNumbers {
  if (classNames !== undefined) {
    const numbers = new Map(classNames.map((name, k) => [name, k]))
    const unknown = names.find((name) => !numbers.has(name))
    if (unknown !== undefined) {
      const near = nearestName(unknown, classNames)
      throw new DataError(
        'E_LABEL_RANGE',
        `"${unknown}" is not a class of the task${near === undefined ? ';' : `; did you mean "${near}"?`} ` +
          `${near === undefined ? 'rename' : 'Rename'} the folder to one of ${some(classNames)}`,
        { file: placeOf(unknown) },
      )
    }
    return { numbers, count: classNames.length, names: classNames }
  }
  const whole = names.every((name) => /^\d+$/.test(name) && (classes === undefined || Number(name) < classes))
  if (classes !== undefined && whole && names.length !== classes)
    return {
      numbers: new Map(names.map((name) => [name, Number(name)])),
      count: classes,
      names: Array.from({ length: classes }, (_, k) => String(k)),
    }
  if (classes !== undefined && names.length !== classes) {
    throw new DataError(
      'E_DATA_MISMATCH',
      `has ${counted(names.length, 'class', 'classes')} (${some(names)}), but the task has ${classes} without names; ` +
        'name the classes in the task, so that every node numbers them alike',
      { file: root },
    )
  }
  if (names.length < 2)
    throw new DataError(
      'E_DATA_MISMATCH',
      `has the class ${some(names)} alone; a source without a task needs at least two folders of images`,
      { file: root },
    )
  if (classes !== undefined)
    notices.push(`classes are numbered in the order of the folders' names: ${some(names)}`)
  return { numbers: new Map(names.map((name, k) => [name, k])), count: names.length, names }
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`
}

async function headOf(file: string): Promise<Buffer> {
  const handle = await openDataFile(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** The bytes of an image file that can be decoded. Throws E_DATA_NOT_FOUND, E_DATA_FORMAT, E_DATA_TOO_LARGE. */
export async function readImage(file: string): Promise<Buffer> {
  const bytes = await wholeFile(file)
  decodeImage(file, bytes)
  return bytes
}

async function wholeFile(file: string): Promise<Buffer> {
  const handle = await openDataFile(file)
  try {
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

async function commonShape(files: readonly string[]): Promise<ImageShape> {
  let first: { file: string; height: number; width: number } | undefined
  let channels = 1
  for (const file of files) {
    const head = await headOf(file)
    const { width, height, grey } = imageSize(file, head)
    if (!grey) channels = 3
    if (first === undefined) first = { file, height, width }
    else if (first.height !== height || first.width !== width) {
      throw new DataError(
        'E_DATA_MISMATCH',
        `is ${height}×${width}, but ${join(basename(dirname(first.file)), basename(first.file))} is ${first.height}×${first.width} (height×width); ` +
          'make all images one size, or name the size in a task (input.shape)',
        { file },
      )
    }
  }
  return [first?.height ?? 1, first?.width ?? 1, channels]
}

function imagePart(
  root: string,
  folders: readonly ClassFolder[],
  numbers: ReadonlyMap<string, number>,
  shape: ImageShape,
  notices: string[],
): ArrayPart {
  const files = folders.flatMap((folder) => folder.files)
  const labels = new Int32Array(files.length)
  let at = 0
  for (const folder of folders) {
    labels.fill(numbers.get(folder.name) as number, at, at + folder.files.length)
    at += folder.files.length
  }
  let noted = false
  const note = (resized: number): void => {
    if (resized > 0 && !noted)
      notices.push(`${counted(resized, 'image')} resized to ${shape[0]}×${shape[1]} (bilinear) for the task`)
    noted = true
  }
  return {
    inputs: streamedArray(root, 'images', [files.length, ...shape], () => decodedImages(files, shape, note)),
    targets: memoryArray(root, 'labels', [files.length], labels),
  }
}

/** The bytes of all images in order, some images at a time; `note` gets the number of those that were resized. */
async function* decodedImages(
  files: readonly string[],
  shape: ImageShape,
  note: (resized: number) => void,
): AsyncGenerator<Uint8Array> {
  const length = shape[0] * shape[1] * shape[2]
  const bytes = new Uint8Array(READS_AT_A_TIME * length)
  let resized = 0
  for (let begin = 0; begin < files.length; begin += READS_AT_A_TIME) {
    const some = files.slice(begin, begin + READS_AT_A_TIME)
    const contents = await Promise.all(some.map(wholeFile))
    some.forEach((file, k) => {
      const image = decodeImage(file, contents[k] as Buffer)
      if (image.height !== shape[0] || image.width !== shape[1]) resized++
      writePixels(image, shape, bytes, k * length)
    })
    yield bytes.subarray(0, some.length * length)
  }
  note(resized)
}
