/** Labelled images in memory, shared between threads without copies. */

import { createHash } from 'node:crypto'
import { DataError } from './data-error.js'

export interface ImageShape {
  height: number
  width: number
  channels: number
}

export interface Dataset {
  /** For people; not part of the hash. */
  name: string
  /** n × (height·width·channels) bytes, row-major, channels last; over a SharedArrayBuffer. */
  images: Uint8Array
  /** n labels in [0, classes); over a SharedArrayBuffer. */
  labels: Uint8Array
  classes: number
  shape: ImageShape
  /** Hex SHA-256 of the contents, see {@link hashDataset}. */
  sha256: string
}

/** What a loader returns: training samples, and test samples that are never trained on. */
export interface DataSource {
  train: Dataset
  test: Dataset
}

export interface DatasetParts {
  name: string
  images: Uint8Array
  labels: Uint8Array
  classes: number
  shape: ImageShape
}

/** Bytes of one image. */
export function imageLength(shape: ImageShape): number {
  return shape.height * shape.width * shape.channels
}

/**
 * SHA-256 over the ASCII line `tempered-dataset-1 <n> <height> <width> <channels> <classes>\n` (decimal numbers),
 * then all image bytes, then all label bytes. The name is not included: equal contents have equal hashes.
 */
export function hashDataset(parts: Omit<DatasetParts, 'name'>): string {
  const { images, labels, classes, shape } = parts
  return createHash('sha256')
    .update(
      `tempered-dataset-1 ${labels.length} ${shape.height} ${shape.width} ${shape.channels} ${classes}\n`,
      'latin1',
    )
    .update(images)
    .update(labels)
    .digest('hex')
}

/** The same bytes over a SharedArrayBuffer; returns the argument if it already is. */
export function toShared(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  return shared
}

/**
 * Checks the parts, moves them into shared memory and hashes them.
 * Throws E_DATA_MISMATCH when images and labels do not match, and E_LABEL_RANGE for a label that is not below
 * `classes`.
 */
export function createDataset(parts: DatasetParts): Dataset {
  const { name, images, labels, classes, shape } = parts
  if (!Number.isInteger(classes) || classes < 2 || classes > 256) {
    throw new DataError(
      'E_LABEL_RANGE',
      `dataset '${name}': classes must be an integer in [2, 256], got ${classes}`,
    )
  }
  const length = imageLength(shape)
  if (!Number.isInteger(length) || length < 1 || images.length !== labels.length * length) {
    throw new DataError(
      'E_DATA_MISMATCH',
      `dataset '${name}': ${labels.length} labels need ${labels.length * length} image bytes ` +
        `(${shape.height}×${shape.width}×${shape.channels} each), got ${images.length}`,
    )
  }
  const bad = labels.findIndex((label) => label >= classes)
  if (bad >= 0) {
    throw new DataError(
      'E_LABEL_RANGE',
      `dataset '${name}': label ${labels[bad]} of sample ${bad} is not below the number of classes, ${classes}`,
    )
  }
  return {
    name,
    images: toShared(images),
    labels: toShared(labels),
    classes,
    shape: { ...shape },
    sha256: hashDataset(parts),
  }
}
