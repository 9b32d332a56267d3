/** Limits of what must be kept in memory. */

import { DataError } from './data-error.js'
import { bytesText, DEFAULT_MEMORY_BYTES } from './memory-budget.js'

/** The most bytes of an array that is loaded as a whole, where nothing else is said. */
export const MAX_ARRAY_BYTES = DEFAULT_MEMORY_BYTES

/**
 * Throws E_DATA_TOO_LARGE with advice when an array that cannot be read piece by piece exceeds `limit` bytes.
 *
 * @param why - why it cannot, and how to mend that
 */
export function checkWholeArray(file: string, bytes: number, limit: number, why: string): void {
  if (bytes <= limit) return
  throw new DataError(
    'E_DATA_TOO_LARGE',
    `takes ${bytesText(bytes)} as numbers, above the ${bytesText(limit)} of data.memory; ${why}, or raise data.memory or TEMPERED_DATA_MEMORY`,
    { file },
  )
}

/** Throws E_DATA_TOO_LARGE when the targets of a source, which stay in memory, exceed `limit` bytes. */
export function checkTargetBytes(file: string, bytes: number, limit: number): void {
  if (bytes <= limit) return
  throw new DataError(
    'E_DATA_TOO_LARGE',
    `has targets of ${bytesText(bytes)} as numbers, above the ${bytesText(limit)} of data.memory; inputs may be on disk, ` +
      'targets may not: raise data.memory or TEMPERED_DATA_MEMORY, or train on a part of it (tempered data split)',
    { file },
  )
}
