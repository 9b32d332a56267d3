/** Safetensors: a length, a JSON header with the place of each tensor, and the numbers, little-endian and row-major. */

import { z } from 'zod'
import type { NamedTensor } from '../export/torch-layout.js'
import { ownEntry } from '../own-entry.js'
import { MAX_PARAMETERS } from '../task/model.js'
import { readBounded } from './file-bytes.js'
import { float16 } from './half-float.js'
import { isObject, refuseModel, requireFinite, volume } from './refusal.js'

const MAX_HEADER_BYTES = 16 * 1024 * 1024
/** Models of float64 are the largest that are read. */
const MAX_BYTES = 8 + MAX_HEADER_BYTES + 8 * MAX_PARAMETERS

const tensorSchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().min(0)).max(8),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
})

interface NumberType {
  readonly bytes: number
  read(view: DataView, offset: number): number
}

const TYPES: Readonly<Record<string, NumberType>> = {
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F16: { bytes: 2, read: (view, at) => float16(view.getUint16(at, true)) },
  BF16: { bytes: 2, read: bfloat16 },
}

const word = new DataView(new ArrayBuffer(4))
function bfloat16(view: DataView, at: number): number {
  word.setUint16(0, view.getUint16(at, true))
  return word.getFloat32(0)
}

/** The tensors of a file by name, as float32. Throws TrainError E_IMPORT. */
export async function readSafetensors(file: string): Promise<ReadonlyMap<string, NamedTensor>> {
  const bytes = await readBounded(file, MAX_BYTES)
  const length = bytes.length < 8 ? Number.NaN : Number(bytes.readBigUInt64LE(0))
  if (!(length >= 2 && length <= MAX_HEADER_BYTES))
    return refuseModel(file, 'does not begin as a safetensors file does; save it with safetensors')
  if (8 + length > bytes.length)
    return refuseModel(file, `ends inside its header of ${length} bytes; copy it again`)
  const body = bytes.subarray(8 + length)
  const tensors = new Map<string, NamedTensor>()
  for (const [name, entry] of Object.entries(parseHeader(file, bytes.toString('utf8', 8, 8 + length)))) {
    if (name !== '__metadata__') tensors.set(name, readTensor(file, name, entry, body))
  }
  return tensors
}

function parseHeader(file: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const header: unknown = JSON.parse(text)
    if (isObject(header)) return header
  } catch (cause) {
    return refuseModel(file, `its header is not JSON (${(cause as Error).message}); save it again`, cause)
  }
  return refuseModel(file, 'its header is no JSON object; save it again')
}

function readTensor(file: string, name: string, entry: unknown, body: Buffer): NamedTensor {
  const parsed = tensorSchema.safeParse(entry)
  if (!parsed.success)
    return refuseModel(
      file,
      `tensor ${name}: its header entry is malformed (${parsed.error.issues[0]?.message})`,
    )
  const { dtype, shape, data_offsets: place } = parsed.data
  const [begin, end] = place
  const type = ownEntry(TYPES, dtype)
  if (type === undefined)
    return refuseModel(file, `tensor ${name} is of type ${dtype}; ${Object.keys(TYPES).join(', ')} are read`)
  const count = volume(shape)
  if (end - begin !== count * type.bytes || end > body.length) {
    return refuseModel(
      file,
      `tensor ${name} [${shape.join(', ')}] needs ${count * type.bytes} bytes, but its place is ${begin} to ${end} of ${body.length}; copy the file again`,
    )
  }
  const view = new DataView(body.buffer, body.byteOffset + begin, end - begin)
  const data = new Float32Array(count)
  for (let k = 0; k < count; k++) data[k] = type.read(view, k * type.bytes)
  const tensor = { name, shape, data }
  requireFinite(file, tensor)
  return tensor
}
