/**
 * Tensors under the names and in the shapes of PyTorch's modules, so that `load_state_dict` takes them: `<layer>.weight`
 * and `<layer>.bias`, kernels with the output channels first, and dense layers behind a flattened image with their
 * columns in the order channels, height, width.
 */

import type {
  ConvOperation,
  DenseOperation,
  DepthwiseConvOperation,
  Model,
  Operation,
  RecurrentOperation,
  Shape,
  TensorSlot,
} from '../task/operation.js'
import type { TensorLayout } from '../task/task-schema.js'

export interface NamedTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** Row-major. */
  readonly data: Float32Array
}

/** Tensors of a model as PyTorch names and orders them. `flat` is the parameter vector. */
export function torchTensors(model: Model, flat: Float32Array): NamedTensor[] {
  const out: NamedTensor[] = []
  convert(model.operations, { tensors: model.tensors, flat, out })
  return out
}

/** Tensors as the task's layout has them, for models that are not made of layers. */
export function layoutTensors(layout: readonly TensorLayout[], flat: Float32Array): NamedTensor[] {
  let offset = 0
  return layout.map(({ name, shape }) => {
    const start = offset
    offset += shape.reduce((product, size) => product * size, 1)
    return { name, shape, data: flat.slice(start, offset) }
  })
}

interface Work {
  readonly tensors: readonly TensorSlot[]
  readonly flat: Float32Array
  readonly out: NamedTensor[]
}

/**
 * Whether the flatten layer at `index` gives its features to a dense layer, past nothing but what works on each feature
 * alone. The columns of that dense layer are then put into the order channels, positions.
 */
export function permutesForDense(operations: readonly Operation[], index: number): boolean {
  const operation = operations[index]
  if (operation?.kind !== 'flatten' || operation.input.length < 2) return false
  const next = operations.slice(index + 1).find(({ kind }) => kind !== 'activation' && kind !== 'dropout')
  return next?.kind === 'dense'
}

/** Converts a sequence; a dense layer needs to know the shape that was flattened before it. */
function convert(operations: readonly Operation[], work: Work): void {
  let flattened: Shape | undefined
  operations.forEach((operation, index) => {
    convertOne(operation, flattened, work)
    if (operation.kind === 'dense') flattened = undefined
    if (permutesForDense(operations, index)) flattened = operation.input
  })
}

function convertOne(operation: Operation, flattened: Shape | undefined, work: Work): void {
  switch (operation.kind) {
    case 'dense':
      dense(operation, flattened, work)
      return
    case 'conv':
      conv(operation, work)
      return
    case 'depthwise-conv':
      depthwise(operation, work)
      return
    case 'layer-norm':
    case 'group-norm':
      put(work, operation, 0, 'weight')
      put(work, operation, 1, 'bias')
      return
    case 'embedding':
    case 'position-embedding':
      put(work, operation, 0, 'weight')
      return
    case 'lstm':
    case 'gru':
      recurrent(operation, work)
      return
    case 'attention':
      put(work, operation, 0, 'in_proj_weight')
      put(work, operation, 1, 'in_proj_bias')
      put(work, operation, 2, 'out_proj.weight')
      put(work, operation, 3, 'out_proj.bias')
      return
    case 'residual':
      convert(operation.body, work)
      convert(operation.shortcut, work)
      return
    default:
      return
  }
}

function slotOf(work: Work, operation: Operation, index: number): TensorSlot {
  return work.tensors[operation.tensors[index] as number] as TensorSlot
}

function valuesOf({ flat }: Work, { offset, length }: TensorSlot): Float32Array {
  return flat.slice(offset, offset + length)
}

/** Tensor `index` of an operation, as it is. */
function put(work: Work, operation: Operation, index: number, name: string): void {
  const slot = slotOf(work, operation, index)
  work.out.push({ name: `${operation.path}.${name}`, shape: slot.shape, data: valuesOf(work, slot) })
}

function dense(operation: DenseOperation, flattened: Shape | undefined, work: Work): void {
  const slot = slotOf(work, operation, 0)
  const data = valuesOf(work, slot)
  const { units, inputs } = operation
  const ordered =
    flattened === undefined ? data : channelsFirstColumns(data, units, inputs, flattened.at(-1) as number)
  work.out.push({ name: `${operation.path}.weight`, shape: slot.shape, data: ordered })
  if (operation.bias) put(work, operation, 1, 'bias')
}

/** units × (positions, channels) to units × (channels, positions). */
function channelsFirstColumns(
  data: Float32Array,
  units: number,
  inputs: number,
  channels: number,
): Float32Array {
  const out = new Float32Array(data.length)
  const positions = inputs / channels
  for (let u = 0; u < units; u++) {
    for (let p = 0; p < positions; p++) {
      for (let c = 0; c < channels; c++)
        out[u * inputs + c * positions + p] = data[u * inputs + p * channels + c] as number
    }
  }
  return out
}

/** [height, width, input channels, filters] to [filters, input channels, height, width]; one-dimensional without width. */
function conv(operation: ConvOperation, work: Work): void {
  const slot = slotOf(work, operation, 0)
  const [height, width, channels, filters] = slot.shape as [number, number, number, number]
  const data = valuesOf(work, slot)
  const out = new Float32Array(data.length)
  const area = height * width
  for (let a = 0; a < area; a++) {
    for (let c = 0; c < channels; c++) {
      for (let f = 0; f < filters; f++)
        out[(f * channels + c) * area + a] = data[(a * channels + c) * filters + f] as number
    }
  }
  const shape =
    operation.input.length === 2 ? [filters, channels, height] : [filters, channels, height, width]
  work.out.push({ name: `${operation.path}.weight`, shape, data: out })
  if (operation.bias) put(work, operation, 1, 'bias')
}

/** [height, width, channels, multiplier] to [channels·multiplier, 1, height, width]. */
function depthwise(operation: DepthwiseConvOperation, work: Work): void {
  const slot = slotOf(work, operation, 0)
  const [height, width, channels, multiplier] = slot.shape as [number, number, number, number]
  const data = valuesOf(work, slot)
  const out = new Float32Array(data.length)
  const area = height * width
  const filters = channels * multiplier
  for (let a = 0; a < area; a++)
    for (let f = 0; f < filters; f++) out[f * area + a] = data[a * filters + f] as number
  work.out.push({ name: `${operation.path}.weight`, shape: [filters, 1, height, width], data: out })
  if (operation.bias) put(work, operation, 1, 'bias')
}

/** PyTorch's LSTM has a second bias, which is zero here. */
function recurrent(operation: RecurrentOperation, work: Work): void {
  put(work, operation, 0, 'weight_ih_l0')
  put(work, operation, 1, 'weight_hh_l0')
  put(work, operation, 2, 'bias_ih_l0')
  if (operation.kind === 'gru') put(work, operation, 3, 'bias_hh_l0')
  else {
    const { shape, length } = slotOf(work, operation, 2)
    work.out.push({ name: `${operation.path}.bias_hh_l0`, shape, data: new Float32Array(length) })
  }
}
