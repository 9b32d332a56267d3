/** Arrays in NPY form, from a file or an entry of an NPZ file: converted while they are read. */

import { DataError } from '../data-error.js'
import { MAX_ENCODED_BYTES } from '../limits.js'
import { MAX_NPY_HEADER, type NpyHeader, npyHeaderLength, parseNpyHeader } from './npy-header.js'
import type { NumberArray, Numbers, NumberType } from './raw.js'
import { fileBytes, openDataFile } from './text-stream.js'

/** Opens a stream of an array's bytes, from the first byte of its header. */
export interface NpyBytes {
  readonly file: string
  /** Name of the array in an NPZ file, or empty. */
  readonly name: string
  /** Bytes there are; a header that promises more is refused before anything is allocated. */
  readonly size: number
  open(): AsyncIterable<Buffer>
}

/** Opens an NPY file: reads its header alone. Throws E_DATA_NOT_FOUND, E_DATA_FORMAT. */
export async function openNpyFile(file: string, name = ''): Promise<NumberArray> {
  const handle = await openDataFile(file)
  const { size } = await handle.stat().finally(() => handle.close())
  return openNpy({ file, name, size, open: () => fileBytes(file) })
}

/** The array whose bytes these are. Throws E_DATA_FORMAT, and E_DATA_TOO_LARGE for one above the limit. */
export async function openNpy(bytes: NpyBytes): Promise<NumberArray> {
  const { file, name } = bytes
  const header = await readHeader(bytes)
  checkSize(bytes, header)
  return {
    file,
    name,
    shape: header.shape,
    type: header.type.name,
    load: (type) => load(bytes, header, type),
  }
}

function place({ file, name }: NpyBytes): string {
  return name === '' ? file : `${file} (${name})`
}

async function readHeader(bytes: NpyBytes): Promise<NpyHeader> {
  const file = place(bytes)
  let head = Buffer.alloc(0)
  for await (const chunk of bytes.open()) {
    head = Buffer.concat([head, chunk])
    if (head.length >= MAX_NPY_HEADER) break
  }
  const length = npyHeaderLength(head, file)
  if (head.length < length)
    throw new DataError('E_DATA_FORMAT', 'ends inside its header; fetch it again', {
      file,
      offset: head.length,
    })
  return parseNpyHeader(head.subarray(0, length), file)
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

function checkSize(bytes: NpyBytes, { shape, type, start }: NpyHeader): void {
  const file = place(bytes)
  const wanted = start + elements(shape) * type.bytes
  if (wanted === bytes.size) return
  throw new DataError(
    'E_DATA_FORMAT',
    `the header announces ${wanted} bytes (${shape.join('×')} ${type.name} after ${start}), but there are ${bytes.size}; ` +
      `${wanted > bytes.size ? 'fetch or save it again' : 'save one array per file'}`,
    { file, offset: Math.min(wanted, bytes.size) },
  )
}

const ARRAYS: { readonly [T in NumberType]: new (length: number | SharedArrayBuffer) => Numbers } = {
  uint8: Uint8Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
}
const BYTES: Readonly<Record<NumberType, number>> = { uint8: 1, int32: 4, float32: 4, float64: 8 }
/** Whole numbers that a type holds; undefined for one that takes fractions. */
const WHOLE: Readonly<Record<NumberType, readonly [number, number] | undefined>> = {
  uint8: [0, 255],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  float32: undefined,
  float64: undefined,
}

async function load(bytes: NpyBytes, header: NpyHeader, type: NumberType): Promise<Numbers> {
  const { shape, start } = header
  const file = place(bytes)
  const count = elements(shape)
  if (count * BYTES[type] > MAX_ENCODED_BYTES)
    throw new DataError('E_DATA_TOO_LARGE', `${count} numbers take ${count * BYTES[type]} bytes as ${type}`, {
      file,
    })
  const out = new ARRAYS[type](new SharedArrayBuffer(count * BYTES[type]))
  const take = converter(file, header, type, out)
  const { bytes: width } = header.type
  let skip = start
  let index = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of bytes.open()) {
    const body = chunk.subarray(Math.min(skip, chunk.length))
    skip -= chunk.length - body.length
    const numbers = rest.length > 0 ? Buffer.concat([rest, body]) : body
    const end = Math.min(numbers.length - (numbers.length % width), (count - index) * width)
    take(numbers.subarray(0, end), index)
    index += end / width
    rest = numbers.subarray(end)
  }
  if (index < count)
    throw new DataError('E_DATA_FORMAT', `ends after ${index} of ${count} numbers; fetch it again`, {
      file,
      offset: start + index * width,
    })
  return out
}

/** Writes whole numbers of the file to their places; `index` counts those before them. */
function converter(
  file: string,
  { type: from, shape, fortran, start }: NpyHeader,
  type: NumberType,
  out: Numbers,
): (numbers: Buffer, index: number) => void {
  const { bytes: width, read } = from
  const target = fortran && shape.length > 1 ? fortranPlaces(shape) : undefined
  if (target === undefined && from.name === type) {
    const raw = new Uint8Array(out.buffer)
    return (numbers, index) => raw.set(numbers, index * width)
  }
  const [lowest, highest] = WHOLE[type] ?? [0, 0]
  const whole = WHOLE[type] !== undefined
  return (numbers, index) => {
    const view = new DataView(numbers.buffer, numbers.byteOffset, numbers.byteLength)
    for (let at = 0, k = index; at < numbers.length; at += width, k++) {
      const value = read(view, at)
      if (whole && !(Number.isInteger(value) && value >= lowest && value <= highest)) {
        throw new DataError(
          'E_DATA_VALUE',
          `number ${k} is ${value}; whole numbers from ${lowest} to ${highest} are needed here`,
          { file, offset: start + k * width },
        )
      }
      out[target === undefined ? k : target()] = value
    }
  }
}

/** Row-major places of the elements in Fortran order, one per call: the first index runs fastest. */
function fortranPlaces(shape: readonly number[]): () => number {
  const strides = shape.map((_, k) => elements(shape.slice(k + 1)))
  const index = new Array<number>(shape.length).fill(0)
  let place = 0
  return () => {
    const here = place
    for (let k = 0; k < shape.length; k++) {
      const next = (index[k] as number) + 1
      place += strides[k] as number
      if (next < (shape[k] as number)) {
        index[k] = next
        break
      }
      place -= (strides[k] as number) * next
      index[k] = 0
    }
    return here
  }
}
