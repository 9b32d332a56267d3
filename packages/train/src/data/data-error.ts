import { TemperedError } from '@tempered/errors'

/** Errors of the data layer: what is wrong, in which file, at which line or byte, and how to fix it. */

export type DataErrorCode =
  | 'E_DATA_NOT_FOUND'
  | 'E_DATA_AMBIGUOUS'
  /** Nothing here is in a known format. */
  | 'E_DATA_UNKNOWN'
  /** The file is damaged, or not in the format that its name promises. */
  | 'E_DATA_FORMAT'
  /** There is not a single sample, not even an empty table. */
  | 'E_DATA_EMPTY'
  /** A column that the task names is missing, or named twice. */
  | 'E_DATA_COLUMN'
  /** A value is missing, not a number, not finite, or not one that the task lists. */
  | 'E_DATA_VALUE'
  /** The source as a whole is not of the form that the task takes. */
  | 'E_DATA_MISMATCH'
  | 'E_DATA_TOO_LARGE'
  /** What is to say how much memory samples may take does not say it. */
  | 'E_DATA_MEMORY'
  /** Samples that do not fit into memory could not be written to the cache folder. */
  | 'E_DATA_DISK'
  /** The file of such samples is gone, or was changed while it was in use. */
  | 'E_DATA_LOST'
  | 'E_DATA_HASH'
  /** A download failed. */
  | 'E_DATA_FETCH'
  | 'E_IDX_MAGIC'
  | 'E_IDX_SIZE'
  | 'E_LABEL_RANGE'
  | 'E_GZIP_TRUNCATED'
  | 'E_GZIP_CORRUPT'
  | 'E_PARTITION'

export interface DataErrorPlace {
  /** Path of the file or folder at fault. */
  file?: string
  /** Line in a text file, from 1; in a Parquet file the row, from 1. */
  line?: number | undefined
  /** Byte offset of the fault; in a .gz file counted in the uncompressed contents unless the message says otherwise. */
  offset?: number | undefined
  cause?: unknown
}

export class DataError extends TemperedError<DataErrorCode, DataErrorPlace> {
  override readonly name = 'DataError'
  readonly file: string | undefined
  readonly line: number | undefined
  readonly offset: number | undefined

  constructor(code: DataErrorCode, message: string, place: DataErrorPlace = {}) {
    super(code, `${placeText(place)}${message}`, place, place.cause)
    this.file = place.file
    this.line = place.line
    this.offset = place.offset
  }
}

function placeText({ file, line, offset }: DataErrorPlace): string {
  if (file === undefined) return ''
  if (line !== undefined) return `${file}:${line}: `
  return `${file}${offset === undefined ? '' : ` at byte ${offset}`}: `
}
