/** Samples in memory as numbers, shared between threads without copies. */

import { createHash } from 'node:crypto'
import type { Shape } from '../task/operation.js'
import { DataError } from './data-error.js'

/** n × volume(shape), row-major: bytes of images, float32, or int32 tokens. */
export type Inputs = Uint8Array | Float32Array | Int32Array

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
export function hashDataset(parts: Omit<DatasetParts, 'name'>): string {
  const { inputs, targets, classes, shape } = parts
  const count = sampleCount(parts)
  const images = inputs instanceof Uint8Array && targets instanceof Uint8Array
  const line = images
    ? `tempered-dataset-1 ${count} ${shape.join(' ')} ${classes}\n`
    : `tempered-dataset-2 ${count} ${typeName(inputs)} ${shape.join(' ')} ${typeName(targets)} ${classes}\n`
  return createHash('sha256')
    .update(line, 'latin1')
    .update(bytesOf(inputs))
    .update(bytesOf(targets))
    .digest('hex')
}

function typeName(array: Inputs | Targets): string {
  return TYPE_NAMES.get(array.constructor) as string
}

function bytesOf(array: Inputs | Targets): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

function sampleCount({ inputs, shape }: Pick<DatasetParts, 'inputs' | 'shape'>): number {
  return inputs.length / volume(shape)
}

/** The same numbers over a SharedArrayBuffer; returns the argument if it already is. */
export function toShared<T extends Inputs | Targets | Uint32Array>(array: T): T {
  if (array.buffer instanceof SharedArrayBuffer) return array
  // A Buffer is a Uint8Array whose own constructor is deprecated.
  const type = array instanceof Uint8Array ? Uint8Array : array.constructor
  const shared = new (type as new (buffer: SharedArrayBuffer) => T)(new SharedArrayBuffer(array.byteLength))
  shared.set(array as never)
  return shared
}

/**
 * Checks the parts, moves them into shared memory and hashes them. Throws E_DATA_MISMATCH when inputs and targets do
 * not match, and E_LABEL_RANGE for a label that is not below `classes`.
 */
export function createDataset(parts: DatasetParts): Dataset {
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
  const shared = { name, inputs: toShared(inputs), targets: toShared(targets), classes, shape }
  return {
    ...shared,
    ...(classNames === undefined ? {} : { classNames }),
    count,
    sha256: hashDataset(shared),
  }
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
