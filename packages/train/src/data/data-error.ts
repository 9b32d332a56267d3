import { TemperedError } from '@tempered/errors'

/** Errors of the data layer: what is wrong, in which file, at which byte, and how to fix it. */

export type DataErrorCode =
  | 'E_DATA_NOT_FOUND'
  | 'E_DATA_AMBIGUOUS'
  | 'E_DATA_MISMATCH'
  | 'E_DATA_TOO_LARGE'
  | 'E_DATA_HASH'
  | 'E_IDX_MAGIC'
  | 'E_IDX_SIZE'
  | 'E_LABEL_RANGE'
  | 'E_GZIP_TRUNCATED'
  | 'E_GZIP_CORRUPT'
  | 'E_PARTITION'

export interface DataErrorPlace {
  /** Path of the file or folder at fault. */
  file?: string
  /** Byte offset of the fault; in a .gz file counted in the uncompressed contents unless the message says otherwise. */
  offset?: number
  cause?: unknown
}

export class DataError extends TemperedError<DataErrorCode, DataErrorPlace> {
  override readonly name = 'DataError'
  readonly file: string | undefined
  readonly offset: number | undefined

  constructor(code: DataErrorCode, message: string, place: DataErrorPlace = {}) {
    const where =
      place.file === undefined
        ? ''
        : `${place.file}${place.offset === undefined ? '' : ` at byte ${place.offset}`}: `
    super(code, `${where}${message}`, place, place.cause)
    this.file = place.file
    this.offset = place.offset
  }
}
