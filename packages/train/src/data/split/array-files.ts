/** Writing arrays piece by piece: NPY inside an uncompressed zip (NPZ), and IDX. */

import { type FileHandle, open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { DataError } from '../data-error.js'
import type { Numbers } from '../formats/raw.js'

/** An array as it is written; `type` as numpy calls it. */
export interface OutputArray {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: string
}

/** Arrays of one part, one after the other. */
export interface ArrayWriter {
  begin(array: OutputArray): Promise<void>
  /** The next numbers of the array that was begun, row-major. Throws E_DATA_TOO_LARGE. */
  append(values: Numbers): Promise<void>
  close(): Promise<void>
}

type Writer = readonly [
  descr: string,
  bytes: number,
  write: (view: DataView, at: number, value: number) => void,
]

const WRITERS: Readonly<Record<string, Writer>> = {
  bool: ['|b1', 1, (view, at, value) => view.setUint8(at, value)],
  uint8: ['|u1', 1, (view, at, value) => view.setUint8(at, value)],
  int8: ['|i1', 1, (view, at, value) => view.setInt8(at, value)],
  uint16: ['<u2', 2, (view, at, value) => view.setUint16(at, value, true)],
  int16: ['<i2', 2, (view, at, value) => view.setInt16(at, value, true)],
  uint32: ['<u4', 4, (view, at, value) => view.setUint32(at, value, true)],
  int32: ['<i4', 4, (view, at, value) => view.setInt32(at, value, true)],
  uint64: ['<u8', 8, (view, at, value) => view.setBigUint64(at, BigInt(value), true)],
  int64: ['<i8', 8, (view, at, value) => view.setBigInt64(at, BigInt(value), true)],
  float32: ['<f4', 4, (view, at, value) => view.setFloat32(at, value, true)],
  float64: ['<f8', 8, (view, at, value) => view.setFloat64(at, value, true)],
}

function npyHeader({ shape, type }: OutputArray): Buffer {
  const [descr] = WRITERS[type] as Writer
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`
  // Magic, version, length and header together are a multiple of 64 bytes.
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1')
  start.writeUInt16LE(header.length, 8)
  return Buffer.concat([start, Buffer.from(header, 'latin1')])
}

function numberBytes(type: string, values: Numbers): Buffer {
  const [, width, write] = WRITERS[type] as Writer
  const bytes = Buffer.alloc(values.length * width)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  values.forEach((value, k) => {
    write(view, k * width, value)
  })
  return bytes
}

/** A file written from front to back, and changed where it was. */
async function outputFile(file: string) {
  const handle: FileHandle = await open(file, 'w')
  const failed = (cause: NodeJS.ErrnoException): never => {
    const what = cause.code === 'ENOSPC' ? 'the disk is full' : `cannot be written (${cause.code})`
    throw new DataError('E_DATA_DISK', `${what}; free some space, or write the parts elsewhere (--out)`, {
      file,
      cause,
    })
  }
  let position = 0
  return {
    get position() {
      return position
    },
    async append(bytes: Buffer): Promise<void> {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position).catch(failed)
        done += bytesWritten
        position += bytesWritten
      }
    },
    patch: (bytes: Buffer, at: number) => handle.write(bytes, 0, bytes.length, at).catch(failed),
    close: () => handle.close(),
  }
}

/** An entry of a zip archive; its checksum and size are known once it is complete. */
interface Entry {
  readonly name: Buffer
  readonly type: string
  /** Of its local header. */
  readonly offset: number
  checksum: number
  size: number
}

/** Bytes before an entry's checksum in its local header. */
const CHECKSUM_AT = 14
const MOST_ZIP_BYTES = 0xffff_0000

/**
 * An NPZ file as numpy.savez writes it. `append` throws E_DATA_TOO_LARGE above 4 GiB, which zip archives of old do not
 * hold.
 */
export async function createNpzFile(file: string): Promise<ArrayWriter> {
  const out = await outputFile(file)
  const entries: Entry[] = []
  let current: Entry | undefined
  const append = async (bytes: Buffer): Promise<void> => {
    const entry = current as Entry
    if (out.position + bytes.length > MOST_ZIP_BYTES)
      throw new DataError('E_DATA_TOO_LARGE', 'a part would be above 4 GiB; deal it to more nodes', { file })
    entry.checksum = crc32(bytes, entry.checksum)
    entry.size += bytes.length
    await out.append(bytes)
  }
  const end = async (): Promise<void> => {
    if (current === undefined) return
    await out.patch(fieldsOf(current).subarray(CHECKSUM_AT - 4, 22), current.offset + CHECKSUM_AT)
    entries.push(current)
    current = undefined
  }
  return {
    async begin(array) {
      await end()
      const name = Buffer.from(`${array.name}.npy`)
      const entry: Entry = { name, type: array.type, offset: out.position, checksum: 0, size: 0 }
      await out.append(Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fieldsOf(entry), name]))
      current = entry
      await append(npyHeader(array))
    },
    append: (values) => append(numberBytes((current as Entry).type, values)),
    async close() {
      try {
        await end()
        await out.append(zipDirectory(entries, out.position))
      } finally {
        await out.close()
      }
    },
  }
}

/** The fields that the local header and the directory share. */
function fieldsOf({ name, checksum, size }: Entry): Buffer {
  const fields = Buffer.alloc(26)
  fields.writeUInt16LE(20, 0)
  fields.writeUInt16LE(0x21, 8) // 1 January 1980, the earliest date of the format
  fields.writeUInt32LE(checksum, 10)
  fields.writeUInt32LE(size, 14)
  fields.writeUInt32LE(size, 18)
  fields.writeUInt16LE(name.length, 22)
  return fields
}

function zipDirectory(entries: readonly Entry[], offset: number): Buffer {
  const index = Buffer.concat(
    entries.flatMap((entry) => {
      const tail = Buffer.alloc(14)
      tail.writeUInt32LE(entry.offset, 10)
      return [Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fieldsOf(entry), tail, entry.name]
    }),
  )
  const end = Buffer.alloc(18)
  end.writeUInt16LE(entries.length, 4)
  end.writeUInt16LE(entries.length, 6)
  end.writeUInt32LE(index.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([index, Buffer.from('PK\x05\x06', 'latin1'), end])
}

/** An IDX file of bytes with one array. */
export async function createIdxFile(
  file: string,
  shape: readonly number[],
): Promise<Pick<ArrayWriter, 'append' | 'close'>> {
  const out = await outputFile(file)
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.writeUInt32BE(0x0800 + shape.length)
  shape.forEach((size, k) => {
    header.writeUInt32BE(size, 4 + 4 * k)
  })
  await out.append(header)
  return { append: (values) => out.append(Buffer.from(Uint8Array.from(values))), close: () => out.close() }
}
