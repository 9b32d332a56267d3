/** The header of an NPY file, version 1 to 3: magic, length, a Python dictionary with descr, fortran_order, shape. */

import { float16 } from '../../import/half-float.js'
import { ownEntry } from '../../own-entry.js'
import { DataError } from '../data-error.js'

/** Bytes that are enough for the header of any array of numbers. */
export const MAX_NPY_HEADER = 65_536
const MAGIC = '\x93NUMPY'
const SAVE_AGAIN = 'save it again with numpy.save'

/** How one number is stored, little-endian. */
export interface NpyType {
  readonly name: string
  readonly bytes: 1 | 2 | 4 | 8
  read(view: DataView, offset: number): number
}

export interface NpyHeader {
  readonly type: NpyType
  readonly fortran: boolean
  readonly shape: readonly number[]
  /** First byte of the numbers. */
  readonly start: number
}

const TYPES: Readonly<Record<string, NpyType>> = {
  '|b1': { name: 'bool', bytes: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
  '|u1': { name: 'uint8', bytes: 1, read: (view, at) => view.getUint8(at) },
  '|i1': { name: 'int8', bytes: 1, read: (view, at) => view.getInt8(at) },
  '<u2': { name: 'uint16', bytes: 2, read: (view, at) => view.getUint16(at, true) },
  '<i2': { name: 'int16', bytes: 2, read: (view, at) => view.getInt16(at, true) },
  '<u4': { name: 'uint32', bytes: 4, read: (view, at) => view.getUint32(at, true) },
  '<i4': { name: 'int32', bytes: 4, read: (view, at) => view.getInt32(at, true) },
  '<u8': {
    name: 'uint64',
    bytes: 8,
    read: (view, at) => view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true),
  },
  '<i8': {
    name: 'int64',
    bytes: 8,
    read: (view, at) => view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true),
  },
  '<f2': { name: 'float16', bytes: 2, read: (view, at) => float16(view.getUint16(at, true)) },
  '<f4': { name: 'float32', bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  '<f8': { name: 'float64', bytes: 8, read: (view, at) => view.getFloat64(at, true) },
}

/** Total length of the header, from its first 12 bytes. Throws E_DATA_FORMAT. */
export function npyHeaderLength(head: Buffer, file: string): number {
  if (head.length < 10 || head.toString('latin1', 0, 6) !== MAGIC)
    throw new DataError('E_DATA_FORMAT', 'does not begin as an NPY array does; save it with numpy.save', {
      file,
      offset: 0,
    })
  const [version, minor] = [head[6] as number, head[7] as number]
  if (version < 1 || version > 3)
    throw new DataError(
      'E_DATA_FORMAT',
      `NPY version ${version}.${minor} is not known; save it with numpy.save`,
      {
        file,
        offset: 6,
      },
    )
  if (version > 1 && head.length < 12)
    throw new DataError('E_DATA_FORMAT', 'ends inside its header; fetch it again', {
      file,
      offset: head.length,
    })
  const length = version === 1 ? 10 + head.readUInt16LE(8) : 12 + head.readUInt32LE(8)
  if (length > MAX_NPY_HEADER)
    throw new DataError(
      'E_DATA_FORMAT',
      `has a header of ${length} bytes, above ${MAX_NPY_HEADER}, or is damaged; ${SAVE_AGAIN}`,
      {
        file,
        offset: 8,
      },
    )
  return length
}

/** Reads a whole header. Throws E_DATA_FORMAT. */
export function parseNpyHeader(header: Buffer, file: string): NpyHeader {
  const begin = header[6] === 1 ? 10 : 12
  const text = header.toString('latin1', begin)
  const refuse = (message: string): never => {
    throw new DataError('E_DATA_FORMAT', message, { file, offset: begin })
  }
  const descr = /'descr'\s*:\s*('([^']*)'|\[)/.exec(text)
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(text)
  if (descr === null || order === null || shape === null)
    return refuse(
      `its header is not that of an array: ${JSON.stringify(text.trim().slice(0, 80))}; ${SAVE_AGAIN}`,
    )
  const name = descr[2]
  const type = name === undefined ? undefined : ownEntry(TYPES, name.replace(/^=/, '<'))
  if (type === undefined) return refuse(typeText(name))
  const sizes = (shape[1] as string)
    .split(',')
    .map((part) => part.trim().replace(/L$/, ''))
    .filter((part) => part !== '')
    .map(Number)
  if (sizes.some((size) => !Number.isSafeInteger(size)))
    return refuse(`its shape (${shape[1]}) is not one of whole numbers; ${SAVE_AGAIN}`)
  if (sizes.length === 0)
    return refuse('holds a single number, without a first dimension of samples; save an array')
  return { type, fortran: order[1] === 'True', shape: sizes, start: header.length }
}

function typeText(name: string | undefined): string {
  if (name === undefined) return 'holds records; save one array of numbers per name with numpy.savez'
  if (name.startsWith('>'))
    return `holds big-endian numbers (${name}); convert it with x.astype('${name.replace('>', '<')}')`
  if (name.includes('O'))
    return 'holds Python objects, which are never unpickled here; save an array of numbers'
  if (/[US]/.test(name)) return `holds texts (${name}); save numbers, labels as whole ones`
  if (name.startsWith('<c'))
    return `holds complex numbers (${name}); save their parts: numpy.stack([x.real, x.imag], -1)`
  return `holds numbers of type ${name}; convert it with x.astype('float32')`
}
