/** Where the encoded samples of a source go: into memory up to a limit, then into one file in the cache folder. */

import { tmpdir } from 'node:os'
import { createEncodedWriter, type EncodedWriter, removeAbandoned } from '../encoded-file.js'

export interface SampleSpace {
  /** The most bytes in memory, inputs and targets of training and test together. */
  readonly limit: number
  /** Bytes in memory so far. */
  readonly used: number
  /** The file, once something was written to it. */
  readonly file: EncodedWriter | undefined
  /** Whether so many bytes more stay within the limit. */
  fits(bytes: number): boolean
  /** Counts bytes that are now in memory; below 0, those that no longer are. */
  take(bytes: number): void
  /** The file, which begins with the first call. Throws E_DATA_DISK. */
  open(): Promise<EncodedWriter>
}

/** @param folder - where the file is made; empty for the system's folder of temporary files */
export function createSampleSpace(limit: number, folder: string): SampleSpace {
  let used = 0
  let file: EncodedWriter | undefined
  return {
    limit,
    get used() {
      return used
    },
    get file() {
      return file
    },
    fits: (bytes) => used + bytes <= limit,
    take(bytes) {
      used += bytes
    },
    async open() {
      if (file === undefined) {
        const place = folder === '' ? tmpdir() : folder
        file = await createEncodedWriter(place)
        await removeAbandoned(place, file.startedMs)
      }
      return file
    },
  }
}
