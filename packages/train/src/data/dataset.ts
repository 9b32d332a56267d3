/** Samples as numbers: in memory, shared between threads without copies, or inputs in a file of rows. */

import { createHash, type Hash } from 'node:crypto'
import type { Shape } from '../task/operation.js'
import { DataError } from './data-error.js'
import { createRowReader, type FileRows, sampleBytes } from './row-file.js'

/** n × volume(shape) in memory, row-major: bytes of images, float32, or int32 tokens. */
export type InputArray = Uint8Array | Float32Array | Int32Array

/** The same, or rows of that width in a file. */
export type Inputs = InputArray | FileRows

/**
 * One label per sample (bytes for up to 256 classes, int32 for more), or n × outputs float32. Empty where samples are
 * their own targets (next-token).
 */
export type Targets = Uint8Array | Int32Array | Float32Array

export interface Samples {
  readonly count: number
  /** Shape of one sample as stored. */
  readonly shape: Shape
  readonly inputs: Inputs
  readonly targets: Targets
}

export interface Dataset extends Samples {
  /** For people; not part of the hash. */
  readonly name: string
  /** Number of classes of the labels; 0 where targets are no labels. */
  readonly classes: number
  /** Names of the classes, where the source has any. */
  readonly classNames?: readonly string[] | undefined
  /** Hex SHA-256 of the contents, see {@link hashDataset}. */
  readonly sha256: string
}

/** What a loader returns: training samples, and test samples that are never trained on. */
export interface DataSource {
  readonly train: Dataset
  readonly test: Dataset
  /** What people should know of how it was read, one sentence each, for the log. */
  readonly notices?: readonly string[]
}

export type DatasetParts = Omit<Dataset, 'sha256' | 'count'>

export function volume(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Whether the targets are labels, one per sample. */
export function hasLabels(dataset: Pick<Dataset, 'classes'>): boolean {
  return dataset.classes > 0
}

/** The labels of a dataset whose targets are labels. Throws E_DATA_MISMATCH for others. */
export function labelsOf(dataset: Dataset): Uint8Array | Int32Array {
  const { targets, name } = dataset
  if (!hasLabels(dataset) || targets instanceof Float32Array)
    throw new DataError('E_DATA_MISMATCH', `dataset '${name}' has no class labels`)
  return targets
}

/** Whether inputs are in memory. */
export function inMemory(inputs: Inputs): inputs is InputArray {
  return ArrayBuffer.isView(inputs)
}

/** The inputs of samples that are in memory. Throws E_DATA_MISMATCH for samples in a file. */
export function inputArray({ inputs }: Pick<Samples, 'inputs'>): InputArray {
  if (inMemory(inputs)) return inputs
  throw new DataError(
    'E_DATA_MISMATCH',
    'these samples are read from disk, where they are needed in memory; raise data.memory or TEMPERED_DATA_MEMORY',
    { file: inputs.path },
  )
}

/** The inputs of some samples, in memory: a copy, row-major. Throws E_DATA_LOST. */
export function inputsOf(
  { inputs, shape }: Pick<Samples, 'inputs' | 'shape'>,
  order: Uint32Array,
): InputArray {
  if (!inMemory(inputs)) return createRowReader().read(inputs, order, order.length)
  const width = volume(shape)
  const out = new (inputs.constructor as new (length: number) => InputArray)(order.length * width)
  order.forEach((sample, k) => {
    out.set(inputs.subarray(sample * width, (sample + 1) * width), k * width)
  })
  return out
}

const TYPE_NAMES = new Map<unknown, string>([
  [Float32Array, 'float32'],
  [Int32Array, 'int32'],
  [Uint8Array, 'uint8'],
])

/**
 * SHA-256 over an ASCII line, then all input bytes, then all target bytes, little-endian. The line is
 * `tempered-dataset-1 <n> <sizes of the shape> <classes>\n` for bytes with byte labels, otherwise
 * `tempered-dataset-2 <n> <type of inputs> <sizes of the shape> <type of targets> <classes>\n`, numbers decimal,
 * separated by spaces. Names are not included: equal contents have equal hashes.
 */
export function hashDataset(parts: HashedParts): string {
  return beginHash(parts)
    .update(bytesOf(inputArray(parts)))
    .update(bytesOf(parts.targets))
    .digest('hex')
}

/** The same hash for inputs in memory or in a file, which is read once. Throws E_DATA_LOST. */
export async function hashAnyDataset(parts: HashedParts): Promise<string> {
  const { inputs, targets } = parts
  if (inMemory(inputs)) return hashDataset(parts)
  const hash = beginHash(parts)
  for await (const bytes of sampleBytes(inputs)) hash.update(bytes)
  return hash.update(bytesOf(targets)).digest('hex')
}

type HashedParts = Omit<DatasetParts, 'name'>

function beginHash(parts: HashedParts): Hash {
  const { inputs, targets, classes, shape } = parts
  const count = sampleCount(parts)
  const type = inMemory(inputs) ? typeName(inputs) : inputs.type
  const images = type === 'uint8' && targets instanceof Uint8Array
  const line = images
    ? `tempered-dataset-1 ${count} ${shape.join(' ')} ${classes}\n`
    : `tempered-dataset-2 ${count} ${type} ${shape.join(' ')} ${typeName(targets)} ${classes}\n`
  return createHash('sha256').update(line, 'latin1')
}

function typeName(array: InputArray | Targets): string {
  return TYPE_NAMES.get(array.constructor) as string
}

function bytesOf(array: InputArray | Targets): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

function sampleCount({ inputs, shape }: Pick<DatasetParts, 'inputs' | 'shape'>): number {
  return inputs.length / volume(shape)
}

/** The same numbers over a SharedArrayBuffer; returns the argument if it already is. */
export function toShared<T extends InputArray | Targets | Uint32Array>(array: T): T {
  if (array.buffer instanceof SharedArrayBuffer) return array
  // A Buffer is a Uint8Array whose own constructor is deprecated.
  const type = array instanceof Uint8Array ? Uint8Array : array.constructor
  const shared = new (type as new (buffer: SharedArrayBuffer) => T)(new SharedArrayBuffer(array.byteLength))
  shared.set(array as never)
  return shared
}

/**
 * Checks the parts, moves them into shared memory and hashes them. Throws E_DATA_MISMATCH when inputs and targets do
 * not match or inputs are in a file, and E_LABEL_RANGE for a label that is not below `classes`.
 */
export function createDataset(parts: DatasetParts): Dataset {
  const checked = checkedParts({ ...parts, inputs: toShared(inputArray(parts)) })
  return { ...checked, sha256: hashDataset(checked) }
}

/** The same for inputs in memory or in a file, which is read once. Throws E_DATA_LOST besides. */
export async function createAnyDataset(parts: DatasetParts): Promise<Dataset> {
  if (inMemory(parts.inputs)) return createDataset(parts)
  const checked = checkedParts(parts)
  return { ...checked, sha256: await hashAnyDataset(checked) }
}

function checkedParts(parts: DatasetParts): Omit<Dataset, 'sha256'> {
  const { name, inputs, targets, classes, shape, classNames } = parts
  const length = volume(shape)
  const count = sampleCount(parts)
  if (!Number.isInteger(length) || length < 1 || !Number.isInteger(count)) {
    throw new DataError(
      'E_DATA_MISMATCH',
      `dataset '${name}': ${inputs.length} numbers are no whole number of samples of ${length} (${shape.join('×')})`,
    )
  }
  if (classes > 0) checkLabels(name, targets, count, classes)
  else if (count > 0 && targets.length % count !== 0) {
    throw new DataError(
      'E_DATA_MISMATCH',
      `dataset '${name}': ${targets.length} targets do not fit ${count} samples`,
    )
  }
  const shared = { name, inputs, targets: toShared(targets), classes, shape }
  return { ...shared, ...(classNames === undefined ? {} : { classNames }), count }
}

function checkLabels(name: string, targets: Targets, count: number, classes: number): void {
  if (!Number.isInteger(classes) || classes < 2) {
    throw new DataError('E_LABEL_RANGE', `dataset '${name}': classes must be an integer ≥ 2, got ${classes}`)
  }
  if (targets.length !== count) {
    throw new DataError(
      'E_DATA_MISMATCH',
      `dataset '${name}': ${count} samples need ${count} labels, got ${targets.length}`,
    )
  }
  const bad = (targets as Int32Array).findIndex((label) => !(label >= 0 && label < classes))
  if (bad >= 0) {
    throw new DataError(
      'E_LABEL_RANGE',
      `dataset '${name}': label ${targets[bad]} of sample ${bad} is not below the number of classes, ${classes}`,
    )
  }
}
