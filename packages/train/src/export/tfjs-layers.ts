/** A tfjs LayersModel (`model.json` and weights), which Keras-like programs and browsers load. Sequential models only. */

import type { Activation } from '../task/layer-schema.js'
import type { Model, Operation, RecurrentOperation, TensorSlot, Window } from '../task/operation.js'
import { TrainError } from '../trainer/train-error.js'

export interface LayersFiles {
  /** Contents of `model.json`. */
  readonly modelJson: string
  /** Contents of `weights.bin`. */
  readonly weights: Uint8Array
}

interface KerasLayer {
  readonly className: string
  readonly config: Record<string, unknown>
  readonly weights: readonly KerasWeight[]
}

interface KerasWeight {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
}

const ACTIVATION_NAMES: Readonly<Record<Activation, string | undefined>> = {
  linear: 'linear',
  relu: 'relu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  silu: 'swish',
  gelu: undefined,
  'leaky-relu': undefined,
}

/** Throws TrainError E_EXPORT with the layer that the format does not have. */
export function encodeLayersModel(
  model: Model,
  flat: Float32Array,
  metadata: Readonly<Record<string, string>> = {},
): LayersFiles {
  const layers = model.operations.map((operation) => kerasLayer(operation, model.tensors, flat))
  const specs = layers.flatMap(({ config, weights }) =>
    weights.map(({ name, shape }) => ({ name: `${config.name}/${name}`, shape, dtype: 'float32' })),
  )
  const [first, ...others] = layers
  const batchInputShape = [null, ...model.input]
  const written = [
    { ...first, config: { ...first?.config, batch_input_shape: batchInputShape, dtype: 'float32' } },
    ...others,
  ]
  const topology = {
    class_name: 'Sequential',
    config: {
      name: 'tempered',
      layers: written.map(({ className, config }) => ({ class_name: className, config })),
    },
  }
  const json = {
    format: 'layers-model',
    generatedBy: 'Tempered',
    convertedBy: null,
    modelTopology: { keras_version: 'tfjs-layers 4.22.0', backend: 'tensor_flow.js', model_config: topology },
    weightsManifest: [{ paths: ['weights.bin'], weights: specs }],
    userDefinedMetadata: metadata,
  }
  const parts = layers.flatMap(({ weights }) =>
    weights.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  )
  return { modelJson: `${JSON.stringify(json, null, 1)}\n`, weights: Buffer.concat(parts) }
}

function refuse(operation: Operation, what: string): never {
  throw new TrainError(
    'E_EXPORT',
    `layer ${operation.path} (${operation.kind}): the tfjs format has no ${what}; use onnx or safetensors`,
  )
}

function kerasLayer(operation: Operation, tensors: readonly TensorSlot[], flat: Float32Array): KerasLayer {
  const name = `layer_${operation.path}`
  const values = (index: number): Float32Array => {
    const { offset, length } = tensors[operation.tensors[index] as number] as TensorSlot
    return flat.slice(offset, offset + length)
  }
  const shapeOf = (index: number) => (tensors[operation.tensors[index] as number] as TensorSlot).shape
  const asIs = (index: number, weight: string): KerasWeight => ({
    name: weight,
    shape: shapeOf(index),
    data: values(index),
  })
  const layer = (
    className: string,
    config: Record<string, unknown>,
    weights: readonly KerasWeight[] = [],
  ): KerasLayer => ({ className, config: { name, ...config }, weights })
  switch (operation.kind) {
    case 'dense': {
      const kernel = turned(asIs(0, 'kernel'))
      const { units, bias } = operation
      const config = { units, use_bias: bias, activation: activationName(operation, operation.activation) }
      return layer('Dense', config, bias ? [kernel, asIs(1, 'bias')] : [kernel])
    }
    case 'conv': {
      const { bias, window } = operation
      const filters = window.to[2]
      const activation = activationName(operation, operation.activation)
      const config = { filters, ...windowConfig(operation, window), use_bias: bias, activation }
      const kernel = asIs(0, 'kernel')
      const flatKernel = { ...kernel, shape: [kernel.shape[0], ...kernel.shape.slice(2)] as number[] }
      const weights = [operation.input.length === 2 ? flatKernel : kernel, ...(bias ? [asIs(1, 'bias')] : [])]
      return layer(operation.input.length === 2 ? 'Conv1D' : 'Conv2D', config, weights)
    }
    case 'depthwise-conv': {
      const { bias, window, multiplier } = operation
      const activation = activationName(operation, operation.activation)
      const config = {
        depth_multiplier: multiplier,
        ...windowConfig(operation, window),
        use_bias: bias,
        activation,
      }
      const weights = [asIs(0, 'depthwise_kernel'), ...(bias ? [asIs(1, 'bias')] : [])]
      return layer('DepthwiseConv2D', config, weights)
    }
    case 'max-pool':
    case 'average-pool': {
      const kind = operation.kind === 'max-pool' ? 'MaxPooling' : 'AveragePooling'
      const { kernel_size: poolSize, ...config } = windowConfig(operation, operation.window)
      return layer(`${kind}${operation.input.length === 2 ? '1D' : '2D'}`, { pool_size: poolSize, ...config })
    }
    case 'global-average-pool':
    case 'global-max-pool': {
      const kind = operation.kind === 'global-max-pool' ? 'GlobalMaxPooling' : 'GlobalAveragePooling'
      return layer(`${kind}${operation.input.length === 2 ? '1D' : '2D'}`, {})
    }
    case 'flatten':
      return layer('Flatten', {})
    case 'dropout':
      return layer('Dropout', { rate: operation.rate })
    case 'activation':
      return layer('Activation', { activation: activationName(operation, operation.activation) })
    case 'layer-norm':
      return layer('LayerNormalization', { axis: -1, epsilon: operation.epsilon }, [
        asIs(0, 'gamma'),
        asIs(1, 'beta'),
      ])
    case 'embedding': {
      const { vocabulary, size, positions } = operation
      const config = { input_dim: vocabulary, output_dim: size, input_length: positions }
      return layer('Embedding', config, [asIs(0, 'embeddings')])
    }
    case 'lstm':
      return layer('LSTM', lstmConfig(operation), [
        turned(asIs(0, 'kernel')),
        turned(asIs(1, 'recurrent_kernel')),
        asIs(2, 'bias'),
      ])
    case 'gru':
      return refuse(operation, 'GRU with a bias after the reset gate')
    case 'group-norm':
      return refuse(operation, 'group normalisation')
    case 'position-embedding':
      return refuse(operation, 'position embedding')
    case 'attention':
      return refuse(operation, 'attention')
    case 'residual':
      return refuse(operation, 'residual layer in a sequential model')
  }
}

function activationName(operation: Operation, activation: Activation): string {
  return ACTIVATION_NAMES[activation] ?? refuse(operation, `activation ${activation}`)
}

/** The same kernel with its two axes swapped. */
function turned({ name, shape, data }: KerasWeight): KerasWeight {
  const [rows, columns] = shape as [number, number]
  const out = new Float32Array(data.length)
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c] as number
  return { name, shape: [columns, rows], data: out }
}

function windowConfig(operation: Operation, { size, stride, pad }: Window) {
  const flat = operation.input.length === 2
  const padded = pad.top + pad.bottom + pad.left + pad.right > 0
  const valid = operation.output[0] === Math.floor(((operation.input[0] as number) - size[0]) / stride[0]) + 1
  return {
    kernel_size: flat ? [size[0]] : [...size],
    strides: flat ? [stride[0]] : [...stride],
    padding: padded || !valid ? 'same' : 'valid',
    data_format: 'channels_last',
  }
}

function lstmConfig({ units, every }: RecurrentOperation) {
  return {
    units,
    return_sequences: every,
    activation: 'tanh',
    recurrent_activation: 'sigmoid',
    use_bias: true,
    unit_forget_bias: false,
  }
}
