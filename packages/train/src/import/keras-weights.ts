/**
 * The weights of a tfjs LayersModel: groups of binary shards, one tensor after the other, as `weightsManifest` lists
 * them. Numbers that were quantised are converted back as tfjs does it: value = stored·scale + min.
 */

import { dirname, isAbsolute, join, normalize } from 'node:path'
import { z } from 'zod'
import type { NamedTensor } from '../export/torch-layout.js'
import { MAX_PARAMETERS } from '../task/model.js'
import { readBounded, sizeOfFile } from './file-bytes.js'
import { float16 } from './half-float.js'
import { refuseModel, requireFinite, volume } from './refusal.js'

const quantizationSchema = z.object({
  dtype: z.enum(['uint8', 'uint16', 'float16']),
  scale: z.number().optional(),
  min: z.number().optional(),
})
const groupSchema = z.object({
  paths: z.array(z.string().min(1)).max(100_000),
  weights: z
    .array(
      z.object({
        name: z.string().min(1).max(1000),
        shape: z.array(z.int().min(0)).max(8),
        dtype: z.string(),
        quantization: quantizationSchema.optional(),
      }),
    )
    .max(100_000),
})
type Group = z.output<typeof groupSchema>
type Spec = Group['weights'][number]

const BYTES = { uint8: 1, uint16: 2, float16: 2 } as const

/**
 * The tensors of a `weightsManifest` by name. Shards are beside `file`. Throws E_IMPORT for a shard that is missing, too short or too long, for other numbers than float32, and for NaN.
 */
export async function readKerasWeights(
  file: string,
  manifest: unknown,
): Promise<ReadonlyMap<string, NamedTensor>> {
  const parsed = z.array(groupSchema).safeParse(manifest)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return refuseModel(file, `weightsManifest.${issue?.path.map(String).join('.')}: ${issue?.message}`)
  }
  const all = parsed.data.flatMap(({ weights }) => weights)
  const total = all.reduce((sum, { shape }) => sum + volume(shape), 0)
  if (total > MAX_PARAMETERS)
    return refuseModel(file, `lists ${total} weights, above the ${MAX_PARAMETERS} that a model may have`)
  const tensors = new Map<string, NamedTensor>()
  for (const group of parsed.data) {
    const bytes = await readShards(file, group)
    let offset = 0
    for (const spec of group.weights) {
      if (tensors.has(spec.name)) refuseModel(file, `weightsManifest lists ${spec.name} twice`)
      const end = offset + bytesOf(spec)
      if (!isAside(spec)) tensors.set(spec.name, decode(file, spec, bytes.subarray(offset, end)))
      offset = end
    }
  }
  return tensors
}

/** Keras 3 stores the optimiser, and the state of a dropout's random numbers, among the weights. */
function isAside({ name, dtype }: Spec): boolean {
  return (dtype === 'int32' || dtype === 'float32') && /^_?optimizer\/|seed_generator/.test(name)
}

function bytesOf({ shape, quantization }: Spec): number {
  return volume(shape) * (quantization === undefined ? 4 : BYTES[quantization.dtype])
}

/** The bytes of a group: its shards, one after the other. All sizes are checked before one is read. */
async function readShards(file: string, { paths, weights }: Group): Promise<Buffer> {
  for (const spec of weights)
    if (spec.dtype !== 'float32' && !isAside(spec))
      refuseModel(file, `weight ${spec.name} is ${spec.dtype}; models of float32 are read`)
  const wanted = weights.reduce((sum, spec) => sum + bytesOf(spec), 0)
  const shards: { readonly path: string; readonly size: number }[] = []
  for (const name of paths) {
    const inside = normalize(name)
    if (isAbsolute(inside) || inside.startsWith('..'))
      refuseModel(file, `its shard ${name} is outside of its folder; put all shards beside it`)
    const path = join(dirname(file), inside)
    shards.push({ path, size: await sizeOfFile(path, `${path} (a shard of ${file})`) })
  }
  const found = shards.reduce((sum, { size }) => sum + size, 0)
  if (found !== wanted) {
    const names = paths.join(', ') || 'no shard'
    refuseModel(
      file,
      `its weights need ${wanted} bytes, but ${names} ${paths.length === 1 ? 'has' : 'have'} ${found}; copy the whole model again`,
    )
  }
  const parts: Buffer[] = []
  for (const { path, size } of shards) parts.push(await readBounded(path, size))
  return Buffer.concat(parts)
}

function decode(file: string, { name, shape, quantization }: Spec, bytes: Buffer): NamedTensor {
  const data = new Float32Array(volume(shape))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (quantization === undefined) {
    for (let k = 0; k < data.length; k++) data[k] = view.getFloat32(4 * k, true)
  } else if (quantization.dtype === 'float16') {
    for (let k = 0; k < data.length; k++) data[k] = float16(view.getUint16(2 * k, true))
  } else {
    const { dtype, scale, min } = quantization
    if (scale === undefined || min === undefined)
      return refuseModel(file, `weight ${name} is quantised to ${dtype} without scale or min`)
    for (let k = 0; k < data.length; k++) {
      const stored = dtype === 'uint8' ? view.getUint8(k) : view.getUint16(2 * k, true)
      data[k] = stored * scale + min
    }
  }
  requireFinite(file, { name, shape, data })
  return { name, shape, data }
}
