/** Arrays in NPY form, from a file or an entry of an NPZ file: converted while they are read. */

import { DataError } from '../data-error.js'
import { checkWholeArray, MAX_ARRAY_BYTES } from '../limits.js'
import { PIECE_NUMBERS } from './memory-array.js'
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
    load: (type, mostBytes = MAX_ARRAY_BYTES) => load(bytes, header, type, mostBytes),
    pieces: (type, mostBytes = MAX_ARRAY_BYTES) => pieces(bytes, header, type, mostBytes),
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

async function load(
  bytes: NpyBytes,
  header: NpyHeader,
  type: NumberType,
  mostBytes: number,
): Promise<Numbers> {
  const count = elements(header.shape)
  const fortran = isFortran(header)
  const why = fortran
    ? 'it is in Fortran order, which is read as a whole: save it with numpy.ascontiguousarray(x)'
    : 'use a part of it (tempered data split)'
  checkWholeArray(place(bytes), count * BYTES[type], mostBytes, why)
  const out = new ARRAYS[type](new SharedArrayBuffer(count * BYTES[type]))
  const places = fortran ? fortranPlaces(header.shape) : undefined
  const take = converter(place(bytes), header, type, places)
  for await (const { numbers, index } of wholeNumbers(bytes, header)) take(numbers, index, out, index)
  return out
}

async function* pieces(
  bytes: NpyBytes,
  header: NpyHeader,
  type: NumberType,
  mostBytes: number,
): AsyncGenerator<Numbers> {
  if (isFortran(header)) {
    yield await load(bytes, header, type, mostBytes)
    return
  }
  const piece = new ARRAYS[type](PIECE_NUMBERS)
  const take = converter(place(bytes), header, type, undefined)
  let used = 0
  for await (const { numbers, index } of wholeNumbers(bytes, header)) {
    const { bytes: width } = header.type
    for (let at = 0; at < numbers.length; ) {
      const end = Math.min(numbers.length, at + (piece.length - used) * width)
      take(numbers.subarray(at, end), index + at / width, piece, used)
      used += (end - at) / width
      at = end
      if (used < piece.length) continue
      yield piece
      used = 0
    }
  }
  if (used > 0) yield piece.subarray(0, used)
}

function isFortran({ fortran, shape }: NpyHeader): boolean {
  return fortran && shape.length > 1
}

/** The bytes of whole numbers in the order of the file, with the number of those before them. Throws E_DATA_FORMAT. */
async function* wholeNumbers(
  bytes: NpyBytes,
  header: NpyHeader,
): AsyncGenerator<{ readonly numbers: Buffer; readonly index: number }> {
  const { start } = header
  const { bytes: width } = header.type
  const count = elements(header.shape)
  let skip = start
  let index = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of bytes.open()) {
    const body = chunk.subarray(Math.min(skip, chunk.length))
    skip -= chunk.length - body.length
    const numbers = rest.length > 0 ? Buffer.concat([rest, body]) : body
    const end = Math.min(numbers.length - (numbers.length % width), (count - index) * width)
    if (end > 0) yield { numbers: numbers.subarray(0, end), index }
    index += end / width
    rest = numbers.subarray(end)
  }
  if (index < count)
    throw new DataError('E_DATA_FORMAT', `ends after ${index} of ${count} numbers; fetch it again`, {
      file: place(bytes),
      offset: start + index * width,
    })
}

/**
 * Writes whole numbers of the file to `out` from `at` on, or to the places that `target` gives; `index` counts the
 * numbers of the file before them.
 */
function converter(
  file: string,
  { type: from, start }: NpyHeader,
  type: NumberType,
  target: (() => number) | undefined,
): (numbers: Buffer, index: number, out: Numbers, at: number) => void {
  const { bytes: width, read } = from
  if (target === undefined && from.name === type)
    return (numbers, _, out, at) => new Uint8Array(out.buffer).set(numbers, at * width)
  const [lowest, highest] = WHOLE[type] ?? [0, 0]
  const whole = WHOLE[type] !== undefined
  return (numbers, index, out, begin) => {
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
      const place = target === undefined ? begin + k - index : target()
      out[place] = value
      if (Number.isFinite(value) && !Number.isFinite(out[place]))
        throw new DataError(
          'E_DATA_VALUE',
          `number ${k} is ${value}, more than ${type} holds; scale the numbers, or remove the sample`,
          { file, offset: start + k * width },
        )
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
