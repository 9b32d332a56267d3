/** Files of a tar archive (ustar), as far as data sets need them. */

import { DataError } from '../data-error.js'

const BLOCK = 512

export interface TarFile {
  /** The last part of its path: nothing is ever written outside the folder that it is for. */
  readonly name: string
  readonly bytes: Buffer
}

/** The plain files of an archive, one after the other. Throws E_DATA_FORMAT for one that is cut off or damaged. */
export function* tarFiles(archive: Buffer, file: string): Generator<TarFile> {
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK)
    if (header.every((byte) => byte === 0)) return
    const size = Number.parseInt(header.toString('latin1', 124, 136).replaceAll('\0', '').trim(), 8)
    const begin = at + BLOCK
    if (!Number.isInteger(size) || size < 0 || begin + size > archive.length || !checksumHolds(header))
      throw new DataError('E_DATA_FORMAT', 'the archive is cut off or damaged; fetch it again', {
        file,
        offset: at,
      })
    const path = header.toString('utf8', 0, 100).split('\0', 1)[0] as string
    const type = header[156]
    if (type === 0 || type === 0x30) {
      const name = path.split('/').at(-1) as string
      yield { name, bytes: archive.subarray(begin, begin + size) }
    }
    at = begin + Math.ceil(size / BLOCK) * BLOCK
  }
}

/** The sum of the header's bytes, its own field as spaces. */
function checksumHolds(header: Buffer): boolean {
  const claimed = Number.parseInt(header.toString('latin1', 148, 156), 8)
  const sum = header.reduce((total, byte, k) => total + (k >= 148 && k < 156 ? 32 : byte), 0)
  return claimed === sum
}
