/** Writing arrays: NPY inside an uncompressed zip (NPZ), and IDX. */

import { crc32 } from 'node:zlib'
import { DataError } from '../data-error.js'
import type { Numbers } from '../formats/raw.js'

/** An array as it is written; `type` as numpy calls it. */
export interface OutputArray {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: string
  readonly values: Numbers
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

function npyBytes({ shape, type, values }: OutputArray): Buffer {
  const [descr, width, write] = WRITERS[type] as Writer
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`
  // Magic, version, length and header together are a multiple of 64 bytes.
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const bytes = Buffer.alloc(10 + header.length + values.length * width)
  bytes.write('\x93NUMPY\x01\x00', 'latin1')
  bytes.writeUInt16LE(header.length, 8)
  bytes.write(header, 10, 'latin1')
  const view = new DataView(bytes.buffer, bytes.byteOffset + 10 + header.length)
  values.forEach((value, k) => {
    write(view, k * width, value)
  })
  return bytes
}

/** An NPZ file as numpy.savez writes it. Throws E_DATA_TOO_LARGE above 4 GiB, which zip archives of old do not hold. */
export function npzBytes(file: string, arrays: readonly OutputArray[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const array of arrays) {
    const name = Buffer.from(`${array.name}.npy`)
    const bytes = npyBytes(array)
    if (offset + bytes.length > 0xffff_0000)
      throw new DataError('E_DATA_TOO_LARGE', 'a part would be above 4 GiB; deal it to more nodes', { file })
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(0x21, 8) // 1 January 1980, the earliest date of the format
    fields.writeUInt32LE(crc32(bytes), 10)
    fields.writeUInt32LE(bytes.length, 14)
    fields.writeUInt32LE(bytes.length, 18)
    fields.writeUInt16LE(name.length, 22)
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), fields, name, bytes)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, tail, name)
    offset += 30 + name.length + bytes.length
  }
  const index = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(arrays.length, 4)
  end.writeUInt16LE(arrays.length, 6)
  end.writeUInt32LE(index.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...parts, index, Buffer.from('PK\x05\x06', 'latin1'), end])
}

/** An IDX file of bytes. */
export function idxBytes(shape: readonly number[], values: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.writeUInt32BE(0x0800 + shape.length)
  shape.forEach((size, k) => {
    header.writeUInt32BE(size, 4 + 4 * k)
  })
  return Buffer.concat([header, values])
}
