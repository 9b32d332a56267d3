/** What readers return: samples as their files have them, before a task turns them into numbers. */

import type { Shape } from '../../task/operation.js'
import type { DataSource } from '../dataset.js'

/** One value of a table. Undefined or null is missing. */
export type Cell = string | number | bigint | boolean | null | undefined | object

export interface Row {
  /** Line of the file on which the row begins, from 1; in Parquet files the number of the row, from 1. */
  readonly line: number
  /** In the order of the columns that were asked for. */
  readonly cells: readonly Cell[]
}

/** A table, or texts: rows with named columns, read one after the other. */
export interface RowSource {
  readonly kind: 'rows'
  readonly format: 'csv' | 'tsv' | 'jsonl' | 'parquet'
  readonly file: string
  /** Names of the columns; of JSON lines, those of the first hundred. */
  readonly columns: readonly string[]
  /** All rows, some at a time. Throws DataError, also between rows. */
  rows(columns: readonly string[]): AsyncIterable<readonly Row[]>
}

/** Numbers as kept in memory. */
export type Numbers = Uint8Array | Int32Array | Float32Array | Float64Array
export type NumberType = 'uint8' | 'int32' | 'float32' | 'float64'

/** An array of numbers whose header is read, and whose contents are read on demand. */
export interface NumberArray {
  readonly file: string
  /** E.g. `x_train` of an NPZ file; empty for a file of one array. */
  readonly name: string
  readonly shape: Shape
  /** Type in the file, e.g. `float64`, `uint8`, `bool`. */
  readonly type: string
  /**
   * All numbers, row-major, converted. Throws E_DATA_FORMAT for a damaged file, E_DATA_VALUE for one that the type
   * cannot hold (a fraction or 300 as uint8), E_DATA_TOO_LARGE for more than `mostBytes`, by default 2 GiB.
   */
  load(type: NumberType, mostBytes?: number): Promise<Numbers>
  /**
   * The same some at a time, so that the whole is never in memory; rows may be divided between pieces, and a piece is
   * the caller's to change until the next. Throws as `load`; an array that cannot be read by pieces is loaded, so
   * E_DATA_TOO_LARGE for more than `mostBytes`.
   */
  pieces(type: NumberType, mostBytes?: number): AsyncIterable<Numbers>
}

/** Samples and their targets as arrays; the first size of both is the number of samples. */
export interface ArrayPart {
  readonly inputs: NumberArray
  readonly targets?: NumberArray | undefined
}

/** Samples as arrays of numbers: tensors, or images as bytes [n, height, width, channels]. */
export interface ArraySource {
  readonly kind: 'arrays'
  readonly format: 'npy' | 'npz' | 'idx' | 'cifar' | 'images' | 'mnist'
  readonly file: string
  /** Name of the data set, where it is not that of the file. */
  readonly name?: string | undefined
  readonly train: ArrayPart
  /** The source's own test samples. */
  readonly test?: ArrayPart | undefined
  /** Whether these are images, whatever the task says. */
  readonly images: boolean
  readonly classNames?: readonly string[] | undefined
  /** Number of classes, where the source says it. */
  readonly classes?: number | undefined
  readonly notices?: readonly string[] | undefined
  /** The same as datasets, where the reader has them. */
  readonly datasets?: DataSource | undefined
}

/** A folder with a table for training and one for tests. */
export interface RowPair {
  readonly kind: 'row-pair'
  readonly file: string
  readonly train: RowSource
  readonly test: RowSource
}

export type RawSource = RowSource | RowPair | ArraySource

/** What a reader must know of the task. */
export interface ReadOptions {
  /** Height, width and channels that the task takes; images of other sizes are resized. */
  readonly imageShape?: readonly [number, number, number] | undefined
  /** What the task takes, if there is one. */
  readonly input?: 'image' | 'table' | 'tensor' | 'text' | undefined
  /** Number of classes of the task. */
  readonly classes?: number | undefined
  /** Names of the classes of the task, in the order of their numbers. */
  readonly classNames?: readonly string[] | undefined
  /** The files of images are copied, not read: they may have any size, and be of one class. */
  readonly asFiles?: boolean | undefined
  /** The most bytes that a reader may hold at once; default 2 GiB. */
  readonly mostBytes?: number | undefined
}
