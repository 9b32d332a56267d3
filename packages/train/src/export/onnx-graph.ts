/**
 * A model as an ONNX graph. Its input is what the model takes after the task's preprocessing, with channels last, as
 * data sources have it; inside, images are channels first, as ONNX wants them. Its output is the logits or numbers.
 */

import type { Activation } from '../task/layer-schema.js'
import type {
  AttentionOperation,
  ConvOperation,
  DenseOperation,
  DepthwiseConvOperation,
  GlobalPoolOperation,
  GroupNormOperation,
  LayerNormOperation,
  Model,
  Operation,
  PoolOperation,
  RecurrentOperation,
} from '../task/operation.js'
import { encodeOnnx, type Initializer, type OnnxNode } from './onnx-file.js'
import { type NamedTensor, permutesForDense, torchTensors } from './torch-layout.js'

/** A value in the graph. `first`: channels come right after the batch. */
interface Value {
  readonly name: string
  readonly rank: number
  readonly first: boolean
}

/** Negative slope of leaky-relu, as in PyTorch. */
const LEAK = 0.01

export function encodeOnnxModel(
  model: Model,
  flat: Float32Array,
  name: string,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const graph = new GraphWriter(torchTensors(model, flat))
  const result = graph.sequence({ name: 'input', rank: model.input.length, first: false }, model.operations)
  const last = graph.channelsLast(result)
  graph.add('Identity', [last.name], {}, 'output')
  return encodeOnnx({
    name,
    nodes: graph.nodes,
    initializers: graph.initializers,
    input: { name: 'input', type: model.inputType, shape: model.input },
    output: { name: 'output', type: 'float32', shape: model.output },
    metadata,
  })
}

class GraphWriter {
  readonly nodes: OnnxNode[] = []
  readonly initializers: Initializer[] = []
  private readonly tensors: ReadonlyMap<string, NamedTensor>
  private values = 0

  constructor(tensors: readonly NamedTensor[]) {
    this.tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  }

  add(
    type: string,
    inputs: readonly string[],
    attributes: NonNullable<OnnxNode['attributes']> = {},
    output = `v${++this.values}`,
  ): string {
    this.nodes.push({ type, inputs, outputs: [output], attributes })
    return output
  }

  sequence(input: Value, operations: readonly Operation[]): Value {
    let value = input
    operations.forEach((operation, index) => {
      value = this.operation(value, operation, permutesForDense(operations, index))
    })
    return value
  }

  channelsLast(value: Value): Value {
    if (!value.first) return value
    const perm = value.rank === 3 ? [0, 2, 3, 1] : [0, 2, 1]
    return { ...value, first: false, name: this.add('Transpose', [value.name], { perm }) }
  }

  private channelsFirst(value: Value): Value {
    if (value.first || value.rank === 1) return value
    const perm = value.rank === 3 ? [0, 3, 1, 2] : [0, 2, 1]
    return { ...value, first: true, name: this.add('Transpose', [value.name], { perm }) }
  }

  private operation(value: Value, operation: Operation, permutes: boolean): Value {
    switch (operation.kind) {
      case 'dense':
        return this.dense(this.channelsLast(value), operation)
      case 'conv':
      case 'depthwise-conv':
        return this.conv(this.channelsFirst(value), operation)
      case 'max-pool':
      case 'average-pool':
        return this.pool(this.channelsFirst(value), operation)
      case 'global-average-pool':
      case 'global-max-pool':
        return this.globalPool(this.channelsFirst(value), operation)
      case 'flatten': {
        const ordered = permutes ? this.channelsFirst(value) : this.channelsLast(value)
        return { name: this.add('Flatten', [ordered.name], { axis: 1 }), rank: 1, first: false }
      }
      case 'layer-norm':
        return this.layerNorm(this.channelsLast(value), operation)
      case 'group-norm':
        return this.groupNorm(this.channelsFirst(value), operation)
      case 'dropout':
        return value
      case 'activation':
        return { ...value, name: this.activation(value.name, operation.activation) }
      case 'embedding': {
        const table = this.tensor(`${operation.path}.weight`)
        return { name: this.add('Gather', [table, value.name], { axis: 0 }), rank: 2, first: false }
      }
      case 'position-embedding': {
        const last = this.channelsLast(value)
        return { ...last, name: this.add('Add', [last.name, this.tensor(`${operation.path}.weight`)]) }
      }
      case 'lstm':
      case 'gru':
        return this.recurrent(this.channelsLast(value), operation)
      case 'attention':
        return this.attention(this.channelsLast(value), operation)
      case 'residual': {
        const body = this.channelsLast(this.sequence(value, operation.body))
        const shortcut = this.channelsLast(this.sequence(value, operation.shortcut))
        return { ...body, name: this.add('Add', [body.name, shortcut.name]) }
      }
    }
  }

  /** Makes a tensor of the model an initializer; `change` returns it in another form under another name. */
  private tensor(name: string, change?: (tensor: NamedTensor) => Initializer): string {
    const found = this.tensors.get(name) as NamedTensor
    const initializer = change?.(found) ?? found
    if (!this.initializers.some((one) => one.name === initializer.name)) this.initializers.push(initializer)
    return initializer.name
  }

  private constant(shape: readonly number[], data: Float32Array | BigInt64Array): string {
    const name = `c${this.initializers.length}`
    this.initializers.push({ name, shape, data })
    return name
  }

  private reshape(name: string, shape: readonly number[]): string {
    return this.add('Reshape', [name, this.constant([shape.length], BigInt64Array.from(shape, BigInt))])
  }

  private activation(name: string, activation: Activation): string {
    switch (activation) {
      case 'linear':
        return name
      case 'relu':
        return this.add('Relu', [name])
      case 'leaky-relu':
        return this.add('LeakyRelu', [name], { alpha: { float: LEAK } })
      case 'gelu':
        return this.add('Gelu', [name])
      case 'silu':
        return this.add('Mul', [name, this.add('Sigmoid', [name])])
      case 'tanh':
        return this.add('Tanh', [name])
      case 'sigmoid':
        return this.add('Sigmoid', [name])
    }
  }

  /** x·Wᵀ + b along the last axis. `weight` is [units, inputs]. */
  private linear(name: string, rank: number, weight: string, bias: string | undefined): string {
    if (rank === 1) {
      const inputs = [name, this.tensor(weight), ...(bias === undefined ? [] : [this.tensor(bias)])]
      return this.add('Gemm', inputs, { transB: 1 })
    }
    const product = this.add('MatMul', [name, this.tensor(weight, transposed)])
    return bias === undefined ? product : this.add('Add', [product, this.tensor(bias)])
  }

  private dense(value: Value, { path, bias, activation }: DenseOperation): Value {
    const linear = this.linear(value.name, value.rank, `${path}.weight`, bias ? `${path}.bias` : undefined)
    return { ...value, name: this.activation(linear, activation) }
  }

  private conv(value: Value, operation: ConvOperation | DepthwiseConvOperation): Value {
    const { path, window, bias, activation } = operation
    const inputs = [value.name, this.tensor(`${path}.weight`), ...(bias ? [this.tensor(`${path}.bias`)] : [])]
    const group = operation.kind === 'conv' ? 1 : window.from[2]
    const name = this.add('Conv', inputs, { group, ...windowAttributes(window, value.rank) })
    return { ...value, name: this.activation(name, activation) }
  }

  private pool(value: Value, { kind, window }: PoolOperation): Value {
    const type = kind === 'max-pool' ? 'MaxPool' : 'AveragePool'
    return { ...value, name: this.add(type, [value.name], windowAttributes(window, value.rank)) }
  }

  private globalPool(value: Value, { kind }: GlobalPoolOperation): Value {
    const type = kind === 'global-average-pool' ? 'GlobalAveragePool' : 'GlobalMaxPool'
    const name = this.add('Flatten', [this.add(type, [value.name])], { axis: 1 })
    return { name, rank: 1, first: false }
  }

  private layerNorm(value: Value, { path, epsilon }: LayerNormOperation): Value {
    const inputs = [value.name, this.tensor(`${path}.weight`), this.tensor(`${path}.bias`)]
    return {
      ...value,
      name: this.add('LayerNormalization', inputs, { axis: -1, epsilon: { float: epsilon } }),
    }
  }

  private groupNorm(value: Value, { path, epsilon, groups }: GroupNormOperation): Value {
    const inputs = [value.name, this.tensor(`${path}.weight`), this.tensor(`${path}.bias`)]
    const attributes = { num_groups: groups, epsilon: { float: epsilon } }
    return { ...value, name: this.add('GroupNormalization', inputs, attributes) }
  }

  /** ONNX has steps first, and the gates of the LSTM as input, output, forget, cell, of the GRU as update, reset, new. */
  private recurrent(value: Value, { kind, path, units, every }: RecurrentOperation): Value {
    const order = kind === 'lstm' ? [0, 3, 1, 2] : [1, 0, 2]
    const part = (name: string) =>
      this.tensor(`${path}.${name}`, (tensor) => gatesReordered(tensor, order, units))
    const biases = this.add('Concat', [part('bias_ih_l0'), part('bias_hh_l0')], { axis: 1 })
    const steps = this.add('Transpose', [value.name], { perm: [1, 0, 2] })
    const all = `v${++this.values}`
    const last = `v${++this.values}`
    this.nodes.push({
      type: kind === 'lstm' ? 'LSTM' : 'GRU',
      inputs: [steps, part('weight_ih_l0'), part('weight_hh_l0'), biases],
      outputs: [all, last],
      attributes: { hidden_size: units, ...(kind === 'gru' ? { linear_before_reset: 1 } : {}) },
    })
    const axis = (index: number) => this.constant([1], BigInt64Array.of(BigInt(index)))
    if (!every) return { name: this.add('Squeeze', [last, axis(0)]), rank: 1, first: false }
    const squeezed = this.add('Squeeze', [all, axis(1)])
    return { name: this.add('Transpose', [squeezed], { perm: [1, 0, 2] }), rank: 2, first: false }
  }

  private attention(value: Value, { path, positions, size, heads, causal }: AttentionOperation): Value {
    const width = size / heads
    const projected = this.linear(value.name, 2, `${path}.in_proj_weight`, `${path}.in_proj_bias`)
    const split = ['q', 'k', 'v'].map(() => `v${++this.values}`)
    this.nodes.push({
      type: 'Split',
      inputs: [projected],
      outputs: split,
      attributes: { axis: 2, num_outputs: 3 },
    })
    const [q, k, v] = split.map((name) => this.reshape(name, [0, positions, heads, width])) as [
      string,
      string,
      string,
    ]
    const queries = this.add('Transpose', [q], { perm: [0, 2, 1, 3] })
    const keys = this.add('Transpose', [k], { perm: [0, 2, 3, 1] })
    const scale = this.constant([], Float32Array.of(1 / Math.sqrt(width)))
    let scores = this.add('Mul', [this.add('MatMul', [queries, keys]), scale])
    if (causal)
      scores = this.add('Add', [scores, this.constant([positions, positions], causalMask(positions))])
    const weights = this.add('Softmax', [scores], { axis: -1 })
    const mixed = this.add('MatMul', [weights, this.add('Transpose', [v], { perm: [0, 2, 1, 3] })])
    const joined = this.reshape(this.add('Transpose', [mixed], { perm: [0, 2, 1, 3] }), [0, positions, size])
    return { ...value, name: this.linear(joined, 2, `${path}.out_proj.weight`, `${path}.out_proj.bias`) }
  }
}

function windowAttributes({ size, stride, pad }: ConvOperation['window'], rank: number) {
  return rank === 3
    ? { kernel_shape: size, strides: stride, pads: [pad.top, pad.left, pad.bottom, pad.right] }
    : { kernel_shape: [size[0]], strides: [stride[0]], pads: [pad.top, pad.bottom] }
}

function transposed({ name, shape, data }: NamedTensor): Initializer {
  const [rows, columns] = shape as [number, number]
  const out = new Float32Array(data.length)
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c] as number
  return { name: `${name}.T`, shape: [columns, rows], data: out }
}

/** Blocks of `units` rows in another order, with a leading axis for the one direction. */
function gatesReordered(
  { name, shape, data }: NamedTensor,
  order: readonly number[],
  units: number,
): Initializer {
  const block = units * (shape[1] ?? 1)
  const out = new Float32Array(data.length)
  order.forEach((from, to) => {
    out.set(data.subarray(from * block, (from + 1) * block), to * block)
  })
  return { name, shape: [1, ...shape], data: out }
}

/** 0 where position j ≤ i, a large negative number elsewhere. */
function causalMask(positions: number): Float32Array {
  return Float32Array.from({ length: positions * positions }, (_, k) =>
    k % positions > Math.floor(k / positions) ? -1e30 : 0,
  )
}
