/** Limits of what is kept in memory. */

import { DataError } from './data-error.js'

/**
 * The most bytes that the encoded samples of a source, inputs and targets of training and test together, may take:
 * 2 GiB. A node holds them once, shared by its threads.
 */
export const MAX_ENCODED_BYTES = 2 * 1024 * 1024 * 1024

/** Throws E_DATA_TOO_LARGE with advice when `bytes` exceeds `limit`. */
export function checkEncodedBytes(file: string, bytes: number, limit = MAX_ENCODED_BYTES): void {
  if (bytes <= limit) return
  throw new DataError(
    'E_DATA_TOO_LARGE',
    `its samples take more than ${megabytes(limit)} as numbers${Number.isFinite(bytes) ? ` (${megabytes(bytes)})` : ''}; ` +
      'train on a part of them (tempered data split), on smaller images or fewer columns, or keep images as bytes (uint8)',
    { file },
  )
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / (1024 * 1024)).toLocaleString('en')} MiB`
}
