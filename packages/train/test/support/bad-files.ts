/** Builders of damaged files. */

/** An array as numpy.save writes it. */
export function npy(descr: string, shape: string, numbers: Buffer, order = 'False'): Buffer {
  const head = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`
  const padded = `${head.padEnd(117)}\n`
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1')
  start.writeUInt16LE(padded.length, 8)
  return Buffer.concat([start, Buffer.from(padded, 'latin1'), numbers])
}

export interface ZipEntry {
  readonly name: string
  /** As stored in the file. */
  readonly bytes: Buffer
  readonly crc: number
  /** Length after unpacking that the archive claims. */
  readonly length: number
  /** 0 stored, 8 deflated. */
  readonly method: number
}

/** A zip archive that claims whatever its entries say. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, bytes, crc, length, method } of entries) {
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(method, 4)
    fields.writeUInt32LE(crc, 10)
    fields.writeUInt32LE(bytes.length, 14)
    fields.writeUInt32LE(length, 18)
    fields.writeUInt16LE(name.length, 22)
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), bytes)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    directory.push(
      Buffer.from('PK\x01\x02\x14\x00', 'latin1'),
      fields.subarray(0, 26),
      tail,
      Buffer.from(name),
    )
    offset += 30 + name.length + bytes.length
  }
  const index = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(entries.length, 4)
  end.writeUInt16LE(entries.length, 6)
  end.writeUInt32LE(index.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...parts, index, Buffer.from('PK\x05\x06', 'latin1'), end])
}
