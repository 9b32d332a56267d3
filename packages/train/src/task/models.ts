/**
 * Models as plain descriptions: layers, and the position of each tensor in the flat parameter vector.
 *
 * Flat layout: layer by layer from the input; for each layer the kernel, then the bias; each row-major float32. A
 * dense kernel is units × inputs (one row per output, as in z = W·x + b), a convolution kernel is
 * height × width × input channels × filters. A feature map is flattened row-major as height × width × channels. The
 * layout is part of the agreement between nodes: it may only change together with the model's name.
 */

import { createRng } from '@tempered/robust-agg/rng'
import { TrainError } from '../trainer/train-error.js'

export const MODEL_NAMES = ['softmax', 'mlp', 'cnn'] as const
export type ModelName = (typeof MODEL_NAMES)[number]

export interface InputShape {
  height: number
  width: number
  channels: number
}

export interface DenseLayer {
  kind: 'dense'
  inputs: number
  units: number
  /** The last layer is linear: its outputs are logits. */
  activation: 'relu' | 'linear'
}

/** Square kernel, stride 1, no padding, ReLU. */
export interface ConvLayer {
  kind: 'conv'
  size: number
  input: InputShape
  output: InputShape
}

/** Window and stride `size`, no padding: an odd last row or column is dropped. */
export interface MaxPoolLayer {
  kind: 'max-pool'
  size: number
  input: InputShape
  output: InputShape
}

export type Layer = DenseLayer | ConvLayer | MaxPoolLayer

/** One tensor's position in the flat vector. */
export interface TensorSlot {
  /** `<layer index>.kernel` or `<layer index>.bias`; layers without parameters count too. */
  name: string
  layer: number
  kind: 'kernel' | 'bias'
  shape: number[]
  /** First element in the flat vector. */
  offset: number
  length: number
  fanIn: number
  fanOut: number
}

export interface ModelDescription {
  name: ModelName
  inputShape: InputShape
  classes: number
  layers: Layer[]
  tensors: TensorSlot[]
  parameterCount: number
}

function volume(shape: InputShape): number {
  return shape.height * shape.width * shape.channels
}

class LayerList {
  readonly layers: Layer[] = []
  private shape: InputShape

  constructor(input: InputShape) {
    this.shape = input
  }

  conv(size: number, filters: number): this {
    const input = this.shape
    const output = { height: input.height - size + 1, width: input.width - size + 1, channels: filters }
    this.layers.push({ kind: 'conv', size, input, output })
    this.shape = output
    return this
  }

  maxPool(size: number): this {
    const input = this.shape
    const output = {
      height: Math.floor(input.height / size),
      width: Math.floor(input.width / size),
      channels: input.channels,
    }
    this.layers.push({ kind: 'max-pool', size, input, output })
    this.shape = output
    return this
  }

  dense(units: number, activation: DenseLayer['activation'] = 'relu'): this {
    this.layers.push({ kind: 'dense', inputs: volume(this.shape), units, activation })
    this.shape = { height: 1, width: 1, channels: units }
    return this
  }
}

function layersOf(name: ModelName, input: InputShape, classes: number): Layer[] {
  const list = new LayerList(input)
  switch (name) {
    case 'softmax':
      return list.dense(classes, 'linear').layers
    case 'mlp':
      return list.dense(128).dense(64).dense(classes, 'linear').layers
    case 'cnn':
      return list.conv(3, 30).maxPool(2).conv(3, 50).maxPool(2).dense(100).dense(classes, 'linear').layers
  }
}

function slotsOf(layers: readonly Layer[]): TensorSlot[] {
  const slots: TensorSlot[] = []
  let offset = 0
  const add = (
    layer: number,
    kind: TensorSlot['kind'],
    shape: number[],
    fanIn: number,
    fanOut: number,
  ): void => {
    const length = shape.reduce((product, size) => product * size, 1)
    slots.push({ name: `${layer}.${kind}`, layer, kind, shape, offset, length, fanIn, fanOut })
    offset += length
  }
  layers.forEach((layer, index) => {
    if (layer.kind === 'dense') {
      add(index, 'kernel', [layer.units, layer.inputs], layer.inputs, layer.units)
      add(index, 'bias', [layer.units], layer.inputs, layer.units)
    } else if (layer.kind === 'conv') {
      const { size, input, output } = layer
      const area = size * size
      const fans = [area * input.channels, area * output.channels] as const
      add(index, 'kernel', [size, size, input.channels, output.channels], ...fans)
      add(index, 'bias', [output.channels], ...fans)
    }
  })
  return slots
}

/**
 * The model for images of `inputShape` and `classes` ≥ 2 classes:
 * - `softmax`: one dense layer (784-10 for MNIST: 7,850 parameters);
 * - `mlp`: dense 128, 64, classes with ReLU (784-128-64-10: 109,386 parameters);
 * - `cnn`: conv 3×3×30, max-pool 2, conv 3×3×50, max-pool 2, dense 100, dense classes, ReLU (139,960 parameters),
 *   the small network of the Byzantine-robust literature (as in Fang et al., CCS 2024, for BALANCE).
 * Throws TrainError E_MODEL_UNKNOWN, E_MODEL_SHAPE.
 */
export function describeModel(name: ModelName, inputShape: InputShape, classes: number): ModelDescription {
  if (!MODEL_NAMES.includes(name)) {
    throw new TrainError(
      'E_MODEL_UNKNOWN',
      `unknown model '${name}', expected one of ${MODEL_NAMES.join(', ')}`,
    )
  }
  const input = { height: inputShape.height, width: inputShape.width, channels: inputShape.channels }
  const sizes = [input.height, input.width, input.channels, classes]
  if (sizes.some((size) => !Number.isInteger(size) || size < 1) || classes < 2) {
    throw new TrainError(
      'E_MODEL_SHAPE',
      `model '${name}': height, width, channels ≥ 1 and classes ≥ 2, got ${sizes}`,
    )
  }
  const layers = layersOf(name, input, classes)
  for (const layer of layers) {
    if (layer.kind !== 'dense' && (layer.output.height < 1 || layer.output.width < 1)) {
      throw new TrainError(
        'E_MODEL_SHAPE',
        `model '${name}' needs images of at least 10×10 pixels, got ${input.height}×${input.width}; use another model`,
      )
    }
  }
  const tensors = slotsOf(layers)
  const last = tensors.at(-1) as TensorSlot
  return { name, inputShape: input, classes, layers, tensors, parameterCount: last.offset + last.length }
}

/**
 * Initial parameters: kernels uniform in ±sqrt(6/(fanIn + fanOut)) (Glorot & Bengio, AISTATS 2010; fans of a
 * convolution are size²·channels), biases zero. From this project's seeded randomness and + − × ÷ √ on float64,
 * rounded to float32 once: the same bits on every machine and backend. Nodes with the same seed start with the same
 * parameters.
 */
export function initialParameters(model: ModelDescription, seed: number | string): Float32Array {
  const flat = new Float32Array(model.parameterCount)
  for (const slot of model.tensors) {
    if (slot.kind === 'bias') continue
    const rng = createRng(seed, 'initial-parameters', slot.name)
    const limit = Math.sqrt(6 / (slot.fanIn + slot.fanOut))
    for (let k = 0; k < slot.length; k++) flat[slot.offset + k] = (2 * rng.uniform() - 1) * limit
  }
  return flat
}
