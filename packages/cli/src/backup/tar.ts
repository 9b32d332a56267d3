import { CliError } from '../errors.js'

/** Plain files as a tar archive (ustar), written and read piece by piece; any `tar` can list and unpack it. */

const BLOCK = 512
const MOST_PATH_BYTES = 100
/** Eleven octal digits. */
const MOST_BYTES = 8 ** 11 - 1

export interface TarEntry {
  readonly path: string
  readonly size: number
}

/** The header of a file with mode 0600. Throws E_BACKUP for a path or a size that ustar cannot hold. */
export function tarHeader({ path, size }: TarEntry, modifiedSeconds: number): Uint8Array {
  if (Buffer.byteLength(path) > MOST_PATH_BYTES || size > MOST_BYTES)
    throw new CliError('E_BACKUP', `${path}: its path or its ${size} bytes are too long for an archive`, {
      path,
    })
  const header = Buffer.alloc(BLOCK)
  header.write(path, 0)
  header.write('0000600\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${octal(size, 11)}\0`, 124)
  header.write(`${octal(modifiedSeconds, 11)}\0`, 136)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\x0000', 257)
  header.write(`${octal(checksum(header), 6)}\0 `, 148)
  return header
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')

/** What fills a file up to the next block. */
export const tarPadding = (size: number): Uint8Array => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)

export const tarEnd = (): Uint8Array => Buffer.alloc(2 * BLOCK)

/** A source of bytes: exactly `length` of them, or fewer at the end. */
export type ReadBytes = (length: number) => Promise<Buffer>

/** The next file's path and size; undefined at the end. Throws E_BACKUP for what `tarHeader` does not write. */
export async function readTarHeader(read: ReadBytes): Promise<TarEntry | undefined> {
  const header = await read(BLOCK)
  if (header.length === BLOCK && header.every((byte) => byte === 0)) return undefined
  const claimed = Number.parseInt(header.toString('latin1', 148, 156), 8)
  const size = Number.parseInt(header.toString('latin1', 124, 136), 8)
  if (
    header.length < BLOCK ||
    checksum(header) !== claimed ||
    header[156] !== 0x30 ||
    !Number.isInteger(size)
  )
    throw new CliError('E_BACKUP', 'the archive is cut off or damaged, or none of `tempered node backup`')
  return { path: header.toString('utf8', 0, MOST_PATH_BYTES).split('\0', 1)[0]!, size }
}

/** The sum of the header's bytes, its own field as spaces. */
function checksum(header: Buffer): number {
  return header.reduce((total, byte, k) => total + (k >= 148 && k < 156 ? 32 : byte), 0)
}
