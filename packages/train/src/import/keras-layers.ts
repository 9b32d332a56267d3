/** Layers of Keras as layers of a task, with the weights of each in the order of the task's tensors. */

import { ownEntry } from '../own-entry.js'
import type { LayerInput } from '../task/layer-schema.js'
import { type KerasActivation, readActivation, readRelu } from './keras-activation.js'
import type { KerasLayer } from './keras-topology.js'

/** How a weight of Keras becomes a tensor of the task. */
export interface WeightSource {
  /** Last parts of the weight's name; Keras 3 calls some differently. */
  readonly names: readonly string[]
  /**
   * - `same`: the same numbers in the same order;
   * - `turned`: a matrix with its axes swapped;
   * - `first-row`, `second-row`: one of two rows.
   */
  readonly take: 'same' | 'turned' | 'first-row' | 'second-row'
  /** The first two of three equal blocks of rows are swapped: GRU gates. */
  readonly gru?: boolean
}

export interface ConvertedLayer {
  /** Without a name. Undefined for a layer that does nothing. */
  readonly layer: LayerInput | undefined
  readonly weights: readonly WeightSource[]
  /** An activation that tasks do not have as one: the caller decides whether it is part of the loss. */
  readonly last?: 'softmax' | 'sigmoid'
  /** Axis that a normalisation or a softmax works on, counted with the batch; −1 is the last. */
  readonly axis?: number
}

/** Why a layer cannot be expressed, and what to do instead. */
export class Unexpressed {
  readonly problem: string
  constructor(problem: string) {
    this.problem = problem
  }
}

type Config = Readonly<Record<string, unknown>>

const same = (...names: string[]): WeightSource => ({ names, take: 'same' })
const turned = (name: string): WeightSource => ({ names: [name], take: 'turned' })

/** What to do about some layers that no task has. */
const INSTEAD: Readonly<Record<string, string>> = {
  BatchNormalization:
    'batch normalisation keeps statistics of the data, which nodes cannot share; train the model with GroupNormalization or LayerNormalization',
  Lambda:
    'a Lambda is code of its own; build the model from layers, or train it in a process (docs/trainers.md)',
  Rescaling: 'scaling is part of the task: give its input a mean and a deviation',
  Normalization: 'scaling is part of the task: give its input a mean and a deviation',
  Reshape: 'give the task an input of the shape that follows, or use Flatten',
  SeparableConv2D: 'use a DepthwiseConv2D and a Conv2D of size 1 behind it',
  ZeroPadding2D: "use padding: 'same' in the layer behind it",
  Bidirectional: 'only one direction of an LSTM or GRU can be expressed',
  TimeDistributed: 'a Dense works on every step by itself; leave TimeDistributed out',
  Masking: 'steps cannot be masked; leave the layer out',
  Sequential: 'a model inside of a model is not read; add its layers one by one',
  Functional: 'a model inside of a model is not read; add its layers one by one',
  Model: 'a model inside of a model is not read; add its layers one by one',
}

/** Throws {@link Unexpressed}. */
export function convertLayer({ className, config }: KerasLayer): ConvertedLayer {
  const convert = ownEntry(CONVERTERS, className)
  if (convert !== undefined) return convert(config, className)
  throw new Unexpressed(
    ownEntry(INSTEAD, className) ??
      `no layer of a task is like it; known are ${Object.keys(CONVERTERS).join(', ')}`,
  )
}

const CONVERTERS: Readonly<Record<string, (config: Config, className: string) => ConvertedLayer>> = {
  Dense(config) {
    const { activation, last } = activationOf(config)
    const bias = biasOf(config)
    const layer = { layer: 'dense', units: whole(config, 'units'), activation, bias } as const
    return { layer, weights: [turned('kernel'), ...(bias ? [same('bias')] : [])], ...last }
  },
  Conv1D: (config) => convolution(config, 'conv1d'),
  Conv2D: (config) => convolution(config, 'conv2d'),
  DepthwiseConv2D(config) {
    plainWindow(config)
    const { activation, last } = activationOf(config)
    const bias = biasOf(config)
    const layer = {
      layer: 'depthwise-conv2d',
      kernel: pair(config, 'kernel_size'),
      stride: pair(config, 'strides', 1),
      padding: paddingOf(config),
      multiplier: whole(config, 'depth_multiplier', 1),
      activation,
      bias,
    } as const
    const kernel = same('depthwise_kernel', 'kernel')
    return { layer, weights: [kernel, ...(bias ? [same('bias')] : [])], ...last }
  },
  MaxPooling1D: (config) => pool(config, 'max-pool1d'),
  MaxPooling2D: (config) => pool(config, 'max-pool2d'),
  AveragePooling1D: (config) => pool(config, 'average-pool1d'),
  AveragePooling2D: (config) => pool(config, 'average-pool2d'),
  GlobalAveragePooling1D: (config) => globalPool(config, 'global-average-pool'),
  GlobalAveragePooling2D: (config) => globalPool(config, 'global-average-pool'),
  GlobalMaxPooling1D: (config) => globalPool(config, 'global-max-pool'),
  GlobalMaxPooling2D: (config) => globalPool(config, 'global-max-pool'),
  Flatten(config) {
    channelsLast(config)
    return { layer: { layer: 'flatten' }, weights: [] }
  },
  Dropout(config) {
    const { rate } = config
    if (typeof rate !== 'number' || rate < 0 || rate >= 1)
      throw new Unexpressed(`its rate is ${String(rate)}; it must be in [0, 1)`)
    return { layer: { layer: 'dropout', rate }, weights: [] }
  },
  Embedding(config) {
    if (config.mask_zero === true)
      throw new Unexpressed('mask_zero cannot be expressed: token 0 is read as any other; save it without')
    const layer = {
      layer: 'embedding',
      vocabulary: whole(config, 'input_dim'),
      size: whole(config, 'output_dim'),
    } as const
    return { layer, weights: [same('embeddings')] }
  },
  LSTM: (config) => ({
    layer: { layer: 'lstm', ...recurrent(config) },
    weights: [turned('kernel'), turned('recurrent_kernel'), same('bias')],
  }),
  GRU(config) {
    if (config.reset_after !== true)
      throw new Unexpressed(
        'the reset gate must be applied after the product (reset_after: true); train the model with that',
      )
    const gate = (source: WeightSource): WeightSource => ({ ...source, gru: true })
    return {
      layer: { layer: 'gru', ...recurrent(config) },
      weights: [
        gate(turned('kernel')),
        gate(turned('recurrent_kernel')),
        gate({ names: ['bias'], take: 'first-row' }),
        gate({ names: ['bias'], take: 'second-row' }),
      ],
    }
  },
  LayerNormalization: (config) => norm(config, { layer: 'layer-norm' }),
  GroupNormalization: (config) => norm(config, { layer: 'group-norm', groups: whole(config, 'groups', 32) }),
  Activation(config) {
    const { activation, last } = activationOf(config)
    return {
      layer: activation === 'linear' ? undefined : { layer: 'activation', function: activation },
      weights: [],
      ...last,
    }
  },
  ReLU: relu,
  LeakyReLU: relu,
  Softmax(config) {
    const { axis = -1 } = config
    if (typeof axis !== 'number') throw new Unexpressed(`its axis is ${JSON.stringify(axis)}`)
    return { layer: undefined, weights: [], last: 'softmax', axis }
  },
}

function relu(config: Config, className: string): ConvertedLayer {
  const activation = readRelu(className, config)
  if (typeof activation === 'object') throw new Unexpressed(activation.problem)
  return { layer: { layer: 'activation', function: activation }, weights: [] }
}

/** The activation of a layer; softmax and sigmoid also as one that may be part of the loss. */
function activationOf(config: Config) {
  const found: KerasActivation | { readonly problem: string } = readActivation(config.activation)
  if (typeof found === 'object') throw new Unexpressed(found.problem)
  if (found === 'softmax') return { activation: 'linear', last: { last: found } } as const
  return { activation: found, last: found === 'sigmoid' ? ({ last: found } as const) : {} }
}

function whole(config: Config, key: string, otherwise?: number): number {
  const value = config[key] ?? otherwise
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value
  throw new Unexpressed(`its ${key} is ${JSON.stringify(value)}; it must be a whole number of at least 1`)
}

/** One or two whole numbers. */
function sizes(config: Config, key: string, otherwise?: number): number[] {
  const value = config[key] ?? otherwise
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (
    list.length < 1 ||
    list.length > 2 ||
    !list.every((size) => Number.isInteger(size) && Number(size) >= 1)
  )
    throw new Unexpressed(`its ${key} is ${JSON.stringify(value)}; it must be whole numbers of at least 1`)
  return list as number[]
}

function pair(config: Config, key: string, otherwise?: number): [number, number] {
  const [first, second] = sizes(config, key, otherwise) as [number, number?]
  return [first, second ?? first]
}

function single(config: Config, key: string, otherwise?: number): number {
  return sizes(config, key, otherwise)[0] as number
}

function biasOf({ use_bias: bias }: Config): boolean {
  return bias !== false
}

function paddingOf({ padding = 'valid' }: Config): 'valid' | 'same' {
  if (padding === 'valid' || padding === 'same') return padding
  throw new Unexpressed(`its padding is ${String(padding)}; valid and same can be expressed`)
}

function channelsLast({ data_format: format }: Config): void {
  if (format === 'channels_first')
    throw new Unexpressed('its channels come first; save the model with data_format channels_last')
}

/** Throws for windows with gaps, groups of channels, or channels first. */
function plainWindow(config: Config): void {
  channelsLast(config)
  for (const key of ['dilation_rate', 'groups'])
    if (sizes(config, key, 1).some((size) => size !== 1))
      throw new Unexpressed(`its ${key} is ${JSON.stringify(config[key])}; only 1 can be expressed`)
}

function convolution(config: Config, kind: 'conv1d' | 'conv2d'): ConvertedLayer {
  plainWindow(config)
  const { activation, last } = activationOf(config)
  const common = {
    filters: whole(config, 'filters'),
    padding: paddingOf(config),
    activation,
    bias: biasOf(config),
  }
  const layer: LayerInput =
    kind === 'conv1d'
      ? {
          layer: kind,
          kernel: single(config, 'kernel_size'),
          stride: single(config, 'strides', 1),
          ...common,
        }
      : { layer: kind, kernel: pair(config, 'kernel_size'), stride: pair(config, 'strides', 1), ...common }
  return { layer, weights: [same('kernel'), ...(common.bias ? [same('bias')] : [])], ...last }
}

function pool(
  config: Config,
  kind: 'max-pool1d' | 'max-pool2d' | 'average-pool1d' | 'average-pool2d',
): ConvertedLayer {
  channelsLast(config)
  const padding = paddingOf(config)
  if (kind === 'max-pool1d' || kind === 'average-pool1d') {
    const size = single(config, 'pool_size', 2)
    return { layer: { layer: kind, size, stride: single(config, 'strides', size), padding }, weights: [] }
  }
  const size = pair(config, 'pool_size', 2)
  const stride = config.strides === undefined || config.strides === null ? size : pair(config, 'strides')
  return { layer: { layer: kind, size, stride, padding }, weights: [] }
}

function globalPool(config: Config, kind: 'global-average-pool' | 'global-max-pool'): ConvertedLayer {
  channelsLast(config)
  if (config.keepdims === true) throw new Unexpressed('keepdims cannot be expressed')
  return { layer: { layer: kind }, weights: [] }
}

function recurrent(config: Config): { readonly units: number; readonly output: 'last' | 'all' } {
  const wanted: Readonly<Record<string, unknown>> = {
    activation: 'tanh',
    recurrent_activation: 'sigmoid',
    use_bias: true,
    go_backwards: false,
    stateful: false,
    return_state: false,
    dropout: 0,
    recurrent_dropout: 0,
  }
  for (const [key, value] of Object.entries(wanted)) {
    const found = key.endsWith('activation') ? readActivationName(config[key], value) : (config[key] ?? value)
    if (found !== value)
      throw new Unexpressed(
        `its ${key} is ${JSON.stringify(found)}; only ${JSON.stringify(value)} can be expressed`,
      )
  }
  return { units: whole(config, 'units'), output: config.return_sequences === true ? 'all' : 'last' }
}

function readActivationName(value: unknown, otherwise: unknown): unknown {
  if (value === undefined) return otherwise
  const found = readActivation(value)
  return typeof found === 'object' ? value : found
}

function norm(
  config: Config,
  kind: { readonly layer: 'layer-norm' } | { readonly layer: 'group-norm'; readonly groups: number },
): ConvertedLayer {
  for (const key of ['center', 'scale'])
    if (config[key] === false) throw new Unexpressed(`${key}: false cannot be expressed; train it with both`)
  if (config.rms_scaling === true) throw new Unexpressed('rms_scaling cannot be expressed')
  const list = Array.isArray(config.axis) ? config.axis : [config.axis ?? -1]
  const axis: unknown = list.length === 1 ? list[0] : undefined
  if (typeof axis !== 'number')
    throw new Unexpressed(`its axis is ${JSON.stringify(config.axis)}; only the last one can be expressed`)
  const epsilon = config.epsilon ?? 1e-3
  if (typeof epsilon !== 'number' || epsilon <= 0 || epsilon > 1)
    throw new Unexpressed(`its epsilon is ${JSON.stringify(epsilon)}; it must be in (0, 1]`)
  return { layer: { ...kind, epsilon }, weights: [same('gamma'), same('beta')], axis }
}
