/** NumPy's NPZ: a zip of one NPY file per tensor (numpy.lib.format, version 1.0). */

import { Buffer } from 'node:buffer'
import { buffer } from 'node:stream/consumers'
import yazl from 'yazl'
import type { NamedTensor } from './torch-layout.js'

/** A fixed date, so that the same model gives the same bytes. */
const DATE = new Date(Date.UTC(1980, 0, 1, 12))

/** One array in the NPY format: float32, little-endian, row-major. */
export function encodeNpy(shape: readonly number[], data: Float32Array): Buffer {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`
  // Magic, version, length, dictionary and newline together are a multiple of 64 bytes.
  const padded = `${dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11)}\n`
  const head = Buffer.alloc(10)
  head.write('\x93NUMPY\x01\x00', 'latin1')
  head.writeUInt16LE(padded.length, 8)
  const values = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return Buffer.concat([head, Buffer.from(padded, 'latin1'), values])
}

/** The arrays by name, stored without compression. */
export async function encodeNpz(tensors: readonly NamedTensor[]): Promise<Uint8Array> {
  const zip = new yazl.ZipFile()
  for (const { name, shape, data } of tensors)
    zip.addBuffer(encodeNpy(shape, data), `${name}.npy`, { mtime: DATE, compress: false })
  zip.end()
  return buffer(zip.outputStream)
}
