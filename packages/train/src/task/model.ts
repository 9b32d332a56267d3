/**
 * From layers to a model: resolves shapes, and lays the tensors out in the flat vector: layer by layer from the input,
 * in each layer in the order that `operation.ts` names, each tensor row-major float32.
 */

import { quoted } from '@tempered/errors'
import { TrainError } from '../trainer/train-error.js'
import type { Layer, SimpleLayer } from './layer-schema.js'
import type { Model, Operation, Shape, TensorRole, TensorSlot, Window } from './operation.js'

/** The most parameters a model may have; 4 bytes each have to fit into one model blob. */
export const MAX_PARAMETERS = 500_000_000

type Of<K extends SimpleLayer['layer']> = Extract<SimpleLayer, { layer: K }>

interface Place {
  /** In tensor names, e.g. `2.body.0`. */
  readonly path: string
  /** In messages, e.g. `layers[2].layers[0]`. */
  readonly where: string
  readonly first: boolean
}

/**
 * The model of these layers for samples of shape `input`. Throws TrainError E_MODEL_SHAPE with the layer's position.
 */
export function buildModel(
  input: Shape,
  layers: readonly Layer[],
  inputType: Model['inputType'] = 'float32',
): Model {
  const builder = new ModelBuilder()
  if (input.length < 1 || input.length > 3 || input.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new TrainError(
      'E_MODEL_SHAPE',
      `the input must have 1 to 3 sizes of at least 1, got ${text(input)}`,
    )
  }
  if (inputType === 'int32' && layers[0]?.layer !== 'embedding') {
    throw new TrainError('E_MODEL_SHAPE', 'layers[0]: tokens need an embedding as the first layer')
  }
  const operations = builder.sequence(input, layers, '', 'layers')
  if (builder.length === 0)
    throw new TrainError('E_MODEL_SHAPE', 'layers: the model has no parameters to train')
  const output = operations.at(-1)?.output ?? input
  return { input, inputType, output, operations, tensors: builder.tensors, parameterCount: builder.length }
}

function text(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

function volume(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1)
}

function both(value: number | readonly [number, number]): [number, number] {
  return typeof value === 'number' ? [value, value] : [value[0], value[1]]
}

class ModelBuilder {
  readonly tensors: TensorSlot[] = []
  length = 0
  private readonly paths = new Set<string>()

  sequence(input: Shape, layers: readonly Layer[], prefix: string, where: string): Operation[] {
    const operations: Operation[] = []
    let shape = input
    layers.forEach((layer, index) => {
      const place: Place = {
        path: `${prefix}${layer.name ?? index}`,
        where: `${where}[${index}]`,
        first: prefix === '' && index === 0,
      }
      if (this.paths.has(place.path))
        this.refuse(
          place,
          layer,
          `the name ${quoted(place.path)} is used twice${layer.name === undefined ? ': a layer without a name is called by its position' : '; give each layer a name of its own'}`,
        )
      this.paths.add(place.path)
      const operation =
        layer.layer === 'residual' ? this.residual(shape, layer, place) : this.simple(shape, layer, place)
      operations.push(operation)
      shape = operation.output
    })
    return operations
  }

  private refuse(place: Place, layer: { readonly layer: string }, message: string): never {
    throw new TrainError('E_MODEL_SHAPE', `${place.where} (${layer.layer}): ${message}`)
  }

  /** Adds a tensor and returns its position in `tensors`. */
  private tensor(
    { path, where }: Place,
    what: string,
    role: TensorRole,
    shape: readonly number[],
    initial: { fans?: readonly [number, number]; value?: number } = {},
  ): number {
    const length = volume(shape)
    const { fans, value = 0 } = initial
    const limit = fans === undefined ? 0 : Math.sqrt(6 / (fans[0] + fans[1]))
    this.tensors.push({
      name: `${path}.${what}`,
      path,
      role,
      shape,
      offset: this.length,
      length,
      limit,
      value,
    })
    this.length += length
    if (this.length > MAX_PARAMETERS) {
      throw new TrainError('E_MODEL_SHAPE', `${where}: the model has more than ${MAX_PARAMETERS} parameters`)
    }
    return this.tensors.length - 1
  }

  private simple(input: Shape, layer: SimpleLayer, place: Place): Operation {
    const { path } = place
    switch (layer.layer) {
      case 'dense':
        return this.dense(input, layer, place)
      case 'conv2d':
      case 'conv1d':
        return this.conv(input, layer, place)
      case 'depthwise-conv2d':
        return this.depthwise(input, layer, place)
      case 'max-pool2d':
      case 'average-pool2d':
      case 'max-pool1d':
      case 'average-pool1d':
        return this.pool(input, layer, place)
      case 'global-average-pool':
      case 'global-max-pool': {
        if (input.length < 2) this.refuse(place, layer, `needs positions and channels, got ${text(input)}`)
        const channels = input.at(-1) as number
        const positions = volume(input) / channels
        return { kind: layer.layer, path, input, output: [channels], tensors: [], positions, channels }
      }
      case 'flatten':
        return { kind: 'flatten', path, input, output: [volume(input)], tensors: [] }
      case 'layer-norm':
      case 'group-norm':
        return this.norm(input, layer, place)
      case 'dropout':
        return { kind: 'dropout', path, input, output: input, tensors: [], rate: layer.rate }
      case 'activation':
        return { kind: 'activation', path, input, output: input, tensors: [], activation: layer.function }
      case 'embedding':
        return this.embedding(input, layer, place)
      case 'position-embedding': {
        const [positions, size] = this.sequenceShape(input, layer, place)
        const tensors = [
          this.tensor(place, 'kernel', 'kernel', [positions, size], { fans: [size, positions] }),
        ]
        return { kind: 'position-embedding', path, input, output: input, tensors, positions, size }
      }
      case 'lstm':
      case 'gru':
        return this.recurrent(input, layer, place)
      case 'attention':
        return this.attention(input, layer, place)
    }
  }

  private dense(input: Shape, layer: Of<'dense'>, place: Place): Operation {
    if (input.length === 3)
      this.refuse(
        place,
        layer,
        `cannot follow ${text(input)}; put a flatten layer or a global pool before it`,
      )
    const inputs = input.at(-1) as number
    const { units, bias, activation } = layer
    const tensors = [this.tensor(place, 'kernel', 'kernel', [units, inputs], { fans: [inputs, units] })]
    if (bias) tensors.push(this.tensor(place, 'bias', 'bias', [units]))
    const positions = volume(input) / inputs
    const output = [...input.slice(0, -1), units]
    return {
      kind: 'dense',
      path: place.path,
      input,
      output,
      tensors,
      positions,
      inputs,
      units,
      bias,
      activation,
    }
  }

  /** The window of a convolution or pool over `[height, width, channels]` or `[steps, channels]`. */
  private window(
    input: Shape,
    layer: { readonly layer: string; readonly padding: 'valid' | 'same' },
    place: Place,
    size: readonly [number, number],
    stride: readonly [number, number],
    channels: number | undefined,
  ): Window {
    const flat = layer.layer.endsWith('1d')
    if (input.length !== (flat ? 2 : 3)) {
      const wanted = flat ? '[steps, channels]' : '[height, width, channels]'
      this.refuse(place, layer, `needs an input ${wanted}, got ${text(input)}`)
    }
    const from = (flat ? [input[0], 1, input[1]] : [...input]) as [number, number, number]
    const across = (axis: 0 | 1): { to: number; before: number; after: number } => {
      if (layer.padding === 'valid') {
        return { to: Math.floor((from[axis] - size[axis]) / stride[axis]) + 1, before: 0, after: 0 }
      }
      const to = Math.ceil(from[axis] / stride[axis])
      const missing = Math.max(0, (to - 1) * stride[axis] + size[axis] - from[axis])
      return { to, before: missing >> 1, after: missing - (missing >> 1) }
    }
    const [rows, columns] = [across(0), across(1)]
    if (rows.to < 1 || columns.to < 1) {
      const window = flat ? `${size[0]}` : `${size[0]}×${size[1]}`
      this.refuse(
        place,
        layer,
        `a window of ${window} does not fit into ${text(input)}; use a smaller one or padding: same`,
      )
    }
    const pad = { top: rows.before, bottom: rows.after, left: columns.before, right: columns.after }
    return { size, stride, pad, from, to: [rows.to, columns.to, channels ?? from[2]] }
  }

  private output(window: Window, flat: boolean): Shape {
    return flat ? [window.to[0], window.to[2]] : [...window.to]
  }

  private conv(input: Shape, layer: Of<'conv2d'> | Of<'conv1d'>, place: Place): Operation {
    const flat = layer.layer === 'conv1d'
    const size: [number, number] = flat ? [layer.kernel as number, 1] : both(layer.kernel)
    const stride: [number, number] = flat ? [layer.stride as number, 1] : both(layer.stride)
    const window = this.window(input, layer, place, size, stride, layer.filters)
    const { filters, bias, activation } = layer
    const area = size[0] * size[1]
    const shape = [...size, window.from[2], filters]
    const tensors = [
      this.tensor(place, 'kernel', 'kernel', shape, { fans: [area * window.from[2], area * filters] }),
    ]
    if (bias) tensors.push(this.tensor(place, 'bias', 'bias', [filters]))
    return {
      kind: 'conv',
      path: place.path,
      input,
      output: this.output(window, flat),
      tensors,
      window,
      bias,
      activation,
    }
  }

  private depthwise(input: Shape, layer: Of<'depthwise-conv2d'>, place: Place): Operation {
    const size = both(layer.kernel)
    const { multiplier, bias, activation } = layer
    const channels = (input[2] ?? 0) * multiplier
    const window = this.window(input, layer, place, size, both(layer.stride), channels)
    const area = size[0] * size[1]
    const shape = [...size, window.from[2], multiplier]
    const tensors = [this.tensor(place, 'kernel', 'kernel', shape, { fans: [area, area * multiplier] })]
    if (bias) tensors.push(this.tensor(place, 'bias', 'bias', [channels]))
    const output = this.output(window, false)
    return {
      kind: 'depthwise-conv',
      path: place.path,
      input,
      output,
      tensors,
      window,
      multiplier,
      bias,
      activation,
    }
  }

  private pool(
    input: Shape,
    layer: Of<'max-pool2d' | 'average-pool2d'> | Of<'max-pool1d' | 'average-pool1d'>,
    place: Place,
  ): Operation {
    const flat = layer.layer.endsWith('1d')
    const pairOf = (value: number | readonly [number, number]): [number, number] =>
      flat ? [value as number, 1] : both(value)
    const size = pairOf(layer.size)
    const window = this.window(input, layer, place, size, pairOf(layer.stride ?? layer.size), undefined)
    const kind = layer.layer.startsWith('max') ? 'max-pool' : 'average-pool'
    return { kind, path: place.path, input, output: this.output(window, flat), tensors: [], window }
  }

  private norm(input: Shape, layer: Of<'layer-norm'> | Of<'group-norm'>, place: Place): Operation {
    const channels = input.at(-1) as number
    const positions = volume(input) / channels
    if (layer.layer === 'group-norm' && channels % layer.groups !== 0) {
      this.refuse(place, layer, `${channels} channels cannot be divided into ${layer.groups} equal groups`)
    }
    const tensors = [
      this.tensor(place, 'scale', 'scale', [channels], { value: 1 }),
      this.tensor(place, 'shift', 'shift', [channels]),
    ]
    const common = {
      path: place.path,
      input,
      output: input,
      tensors,
      positions,
      channels,
      epsilon: layer.epsilon,
    }
    return layer.layer === 'layer-norm'
      ? { kind: 'layer-norm', ...common }
      : { kind: 'group-norm', ...common, groups: layer.groups }
  }

  private embedding(input: Shape, layer: Of<'embedding'>, place: Place): Operation {
    if (!place.first || input.length !== 1)
      this.refuse(place, layer, 'must be the first layer, over tokens of shape [steps]')
    const { vocabulary, size } = layer
    const positions = input[0] as number
    const tensors = [this.tensor(place, 'kernel', 'kernel', [vocabulary, size], { fans: [size, size] })]
    return {
      kind: 'embedding',
      path: place.path,
      input,
      output: [positions, size],
      tensors,
      positions,
      vocabulary,
      size,
    }
  }

  private sequenceShape(input: Shape, layer: SimpleLayer, place: Place): [number, number] {
    if (input.length !== 2) this.refuse(place, layer, `needs an input [steps, channels], got ${text(input)}`)
    return [input[0] as number, input[1] as number]
  }

  private recurrent(input: Shape, layer: Of<'lstm' | 'gru'>, place: Place): Operation {
    const [steps, inputs] = this.sequenceShape(input, layer, place)
    const { units } = layer
    const gates = layer.layer === 'lstm' ? 4 : 3
    const tensors = [
      this.tensor(place, 'kernel', 'kernel', [gates * units, inputs], { fans: [inputs, units] }),
      this.tensor(place, 'recurrent', 'recurrent', [gates * units, units], { fans: [units, units] }),
      this.tensor(place, 'bias', 'bias', [gates * units]),
    ]
    if (layer.layer === 'gru') tensors.push(this.tensor(place, 'recurrent-bias', 'bias', [gates * units]))
    const every = layer.output === 'all'
    const output = every ? [steps, units] : [units]
    return { kind: layer.layer, path: place.path, input, output, tensors, steps, inputs, units, every }
  }

  private attention(input: Shape, layer: Of<'attention'>, place: Place): Operation {
    const [positions, size] = this.sequenceShape(input, layer, place)
    const { heads, causal } = layer
    if (size % heads !== 0)
      this.refuse(place, layer, `${size} channels cannot be divided among ${heads} heads`)
    const tensors = [
      this.tensor(place, 'kernel', 'kernel', [3 * size, size], { fans: [size, size] }),
      this.tensor(place, 'bias', 'bias', [3 * size]),
      this.tensor(place, 'output-kernel', 'kernel', [size, size], { fans: [size, size] }),
      this.tensor(place, 'output-bias', 'bias', [size]),
    ]
    return {
      kind: 'attention',
      path: place.path,
      input,
      output: input,
      tensors,
      positions,
      size,
      heads,
      causal,
    }
  }

  private residual(input: Shape, layer: Extract<Layer, { layer: 'residual' }>, place: Place): Operation {
    const body = this.sequence(input, layer.layers, `${place.path}.body.`, `${place.where}.layers`)
    const shortcut = this.sequence(
      input,
      layer.shortcut ?? [],
      `${place.path}.shortcut.`,
      `${place.where}.shortcut`,
    )
    const output = body.at(-1)?.output ?? input
    const other = shortcut.at(-1)?.output ?? input
    if (output.length !== other.length || output.some((size, k) => size !== other[k])) {
      this.refuse(
        place,
        layer,
        `its layers end with ${text(output)}, its shortcut with ${text(other)}; both must be the same: ` +
          'give the shortcut a layer that changes the shape, e.g. a conv2d with kernel 1',
      )
    }
    return { kind: 'residual', path: place.path, input, output, tensors: [], body, shortcut }
  }
}
