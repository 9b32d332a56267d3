/** Weights of Keras as the flat parameter vector of a model. */

import type { NamedTensor } from '../export/torch-layout.js'
import type { Model, TensorSlot } from '../task/operation.js'
import type { WeightSource } from './keras-layers.js'
import type { KerasLayer } from './keras-topology.js'
import { refuseModel, shapeText } from './refusal.js'

/** The weights of one layer, in the order of the tensors at `path`. */
export interface KerasWeights {
  readonly path: string
  readonly layer: KerasLayer
  /** What the `.keras` format calls the layer: see {@link storeNames}. */
  readonly store: string | undefined
  readonly sources: readonly WeightSource[]
  readonly axis: number | undefined
}

/** Throws E_IMPORT for a weight that is missing, of another shape, or of no layer. */
export function kerasParameters(
  file: string,
  model: Model,
  layers: readonly KerasWeights[],
  tensors: ReadonlyMap<string, NamedTensor>,
): Float32Array {
  const flat = new Float32Array(model.parameterCount)
  const used = new Set<string>()
  for (const weights of layers) {
    const slots = model.tensors.filter((slot) => slot.path === weights.path)
    slots.forEach((slot, k) => {
      const source = weights.sources[k] as WeightSource
      const tensor = find(file, weights, source, tensors)
      used.add(tensor.name)
      place(file, flat, slot, source, tensor)
    })
  }
  const stray = [...tensors.keys()].find((name) => !used.has(name))
  if (stray !== undefined)
    refuseModel(
      file,
      `weight ${stray} ${shapeText((tensors.get(stray) as NamedTensor).shape)} belongs to no layer`,
    )
  return flat
}

/**
 * Names by which Keras 3 stores the layers of a model in `.keras` files, and by which their weights are called when such
 * a file is converted: their classes, numbered in the order of the layers.
 */
export function storeNames(layers: Iterable<KerasLayer>): ReadonlyMap<string, string> {
  const counts = new Map<string, number>()
  const names = new Map<string, string>()
  for (const { name, className } of layers) {
    const plain = className.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase()
    const count = counts.get(plain) ?? 0
    counts.set(plain, count + 1)
    names.set(name, count === 0 ? plain : `${plain}_${count}`)
  }
  return names
}

/** `layers/dense_1/vars/0`, `layers/lstm/cell/vars/2`: store name of a layer, and number of its weight. */
const STORED = /^_?layers\/([^/]+)\/(?:[^/]+\/)*vars\/(\d+)$/

/**
 * `dense/kernel`, `model/dense/kernel:0`, `lstm/lstm_cell/kernel`: the layer's name is a part, the weight's the last.
 * Weights of `.keras` files have numbers in place of names.
 */
function find(
  file: string,
  { layer, store, sources }: KerasWeights,
  { names }: WeightSource,
  tensors: ReadonlyMap<string, NamedTensor>,
): NamedTensor {
  const own = [...new Set(sources.map((source) => source.names[0]))].indexOf(names[0])
  const found = [...tensors.values()].flatMap((tensor) => {
    const [, place, number] = STORED.exec(tensor.name) ?? []
    if (place !== undefined) return place === store && Number(number) === own ? [{ tensor, depth: 0 }] : []
    const parts = tensor.name.replace(/:\d+$/, '').split('/')
    const at = parts.lastIndexOf(layer.name, parts.length - 2)
    return at >= 0 && names.includes(parts.at(-1) as string) ? [{ tensor, depth: parts.length - at }] : []
  })
  found.sort((a, b) => a.depth - b.depth)
  const [first, second] = found
  if (first === undefined)
    return refuseModel(
      file,
      `its weights have no ${layer.name}/${names.join(` or ${layer.name}/`)}; they are ${[...tensors.keys()].slice(0, 8).join(', ')}${tensors.size > 8 ? ' …' : ''}`,
    )
  if (second !== undefined && second.depth === first.depth)
    return refuseModel(
      file,
      `its weights have both ${first.tensor.name} and ${second.tensor.name} for one layer`,
    )
  return first.tensor
}

function place(
  file: string,
  flat: Float32Array,
  slot: TensorSlot,
  { take, gru = false }: WeightSource,
  { name, shape, data }: NamedTensor,
): void {
  const wanted = kerasShape(slot, take)
  if (!wanted.some((one) => shapeText(one) === shapeText(shape)))
    refuseModel(
      file,
      `weight ${name} is ${shapeText(shape)}, but its layer needs ${shapeText(wanted[0] as readonly number[])}`,
    )
  const out = flat.subarray(slot.offset, slot.offset + slot.length)
  if (take === 'turned') turn(data, shape as readonly [number, number], out)
  else out.set(take === 'second-row' ? data.subarray(slot.length) : data.subarray(0, slot.length))
  if (gru) swapFirstThirds(out)
}

/** Shapes that Keras may give this tensor: one-dimensional windows have no width there. */
function kerasShape({ shape }: TensorSlot, take: WeightSource['take']): (readonly number[])[] {
  if (take === 'turned') return [[...shape].reverse()]
  if (take !== 'same') return [[2, shape[0] as number]]
  const [height, width, ...rest] = shape
  return shape.length === 4 && width === 1 ? [[height as number, ...rest], shape] : [shape]
}

function turn(data: Float32Array, [rows, columns]: readonly [number, number], out: Float32Array): void {
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c] as number
}

/** Gates of a GRU: Keras has update, reset, new; here reset comes first. */
function swapFirstThirds(values: Float32Array): void {
  const third = values.length / 3
  const first = values.slice(0, third)
  values.copyWithin(0, third, 2 * third)
  values.set(first, third)
}
