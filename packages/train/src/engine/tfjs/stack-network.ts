/**
 * Forward pass and hand-written backward pass of a stack: convolutions and pools, then dense layers over vectors. Other
 * models, and other forms of these layers, are computed by graph-network.ts; this network needs fewer operations.
 *
 * Dense layers work on columns (features × batch), z = W·x + b with W: units × inputs. XNNPACK repacks the right
 * operand of a product in every call; in this layout that is the small minibatch, not the weights, which change in
 * every step (784×128: packing W costs 0.65 ms, the product 0.35). Transposed operands are copied first, because
 * tfjs's flags fall back to a scalar loop (5.3 ms instead of 0.4). Convolutions work on B×H×W×C.
 */

import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { ConvOperation, DenseOperation, Model, Operation, PoolOperation } from '../../task/operation.js'
import type { TrainingBackend } from './backend.js'
import type { Network } from './network.js'
import { convFilterGradient, convInputGradient, maxPoolGradient, transposed } from './tfjs-kernels.js'

/** A layer's input and output; `columns` are features × batch, `rows` batch × features. */
interface LayerTrace {
  inputMap?: Tensor4D
  outputMap?: Tensor4D
  inputColumns?: Tensor2D
  inputRows?: Tensor2D
  outputColumns?: Tensor2D
}

interface StackPass {
  /** classes × batch. */
  logits: Tensor2D
  traces: LayerTrace[]
}

type Layer = DenseOperation | ConvOperation | PoolOperation

export function createStackNetwork(backend: TrainingBackend, model: Model): Network {
  const { tf } = backend
  const outputs = model.output[0] as number
  const columns = new Set(
    stackOf(model).flatMap((layer) => (layer.kind === 'dense' ? [layer.tensors[1]] : [])),
  )
  return {
    // The bias of a dense layer is a column here.
    shapeOf: ({ length, shape }, index) => (columns.has(index) ? [length, 1] : shape),
    forward(tensors, inputs, batch) {
      const images = tf.tensor2d(inputs, [batch, inputs.length / batch])
      const pass = forward(backend, model, tensors, images)
      return {
        outputs: turned(pass.logits.dataSync<'float32'>(), outputs, batch),
        backward(upper) {
          const gradient: Tensor2D = tf.tensor2d(turned(upper, batch, outputs), [outputs, batch])
          return backward(backend, model, tensors, pass, gradient)
        },
      }
    },
  }
}

/** The transposed matrix, row-major. */
function turned(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(rows * columns)
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) out[c * rows + r] = matrix[r * columns + c] as number
  return out
}

/** The operations of a stack that compute anything. */
function stackOf(model: Model): Layer[] {
  return model.operations.filter((operation) => operation.kind !== 'flatten') as Layer[]
}

/** Whether a model is a stack of the layers that are written here. */
export function isStack({ operations }: Model): boolean {
  const last = operations.at(-1)
  if (last?.kind !== 'dense' || last.activation !== 'linear') return false
  return operations.every((operation, index) => fits(operation, operations[index - 1]?.kind))
}

function fits(operation: Operation, below: Operation['kind'] | undefined): boolean {
  switch (operation.kind) {
    case 'flatten':
      return true
    case 'dense':
      return (
        operation.positions === 1 &&
        operation.bias &&
        (operation.activation === 'relu' || operation.activation === 'linear')
      )
    case 'max-pool':
      return below === 'conv' && isPlain(operation)
    case 'conv':
      return (
        below !== 'dense' &&
        below !== 'flatten' &&
        operation.bias &&
        operation.activation === 'relu' &&
        isPlain(operation)
      )
    default:
      return false
  }
}

/** Square, without padding, with stride 1 (convolutions) or its own size (pools). */
function isPlain({ kind, window }: ConvOperation | PoolOperation): boolean {
  const { size, stride, pad } = window
  const wanted = kind === 'conv' ? 1 : size[0]
  if (size[0] !== size[1] || stride[0] !== wanted || stride[1] !== wanted) return false
  return pad.top + pad.bottom + pad.left + pad.right === 0
}

/** Kernel and bias of a layer. */
function parametersOf(layer: Layer, tensors: readonly Tensor[]): [Tensor, Tensor] {
  return [tensors[layer.tensors[0] as number] as Tensor, tensors[layer.tensors[1] as number] as Tensor]
}

/** `images`: batch × (height·width·channels). */
function forward(
  backend: TrainingBackend,
  model: Model,
  tensors: readonly Tensor[],
  images: Tensor2D,
): StackPass {
  const { tf } = backend
  const batch = images.shape[0]
  const traces: LayerTrace[] = []
  let rows: Tensor2D | undefined = images
  let columns: Tensor2D | undefined
  let map: Tensor4D | undefined
  for (const layer of stackOf(model)) {
    const trace: LayerTrace = {}
    traces.push(trace)
    if (layer.kind === 'dense') {
      if (map !== undefined) rows = tf.reshape(map, [batch, layer.inputs])
      columns ??= transposed(backend, rows as Tensor2D)
      trace.inputColumns = columns
      if (rows !== undefined) trace.inputRows = rows
      const [kernel, bias] = parametersOf(layer, tensors)
      const linear: Tensor2D = tf.add(tf.matMul(kernel as Tensor2D, columns), bias)
      columns = layer.activation === 'relu' ? tf.relu(linear) : linear
      trace.outputColumns = columns
      rows = undefined
      map = undefined
      continue
    }
    map ??= tf.reshape(images, [batch, ...layer.window.from])
    trace.inputMap = map
    if (layer.kind === 'conv') {
      const [filter, bias] = parametersOf(layer, tensors)
      map = tf.fused.conv2d({
        x: map,
        filter: filter as Tensor4D,
        strides: 1,
        pad: 'valid',
        bias,
        activation: 'relu',
      })
    } else {
      const [size] = layer.window.size
      map = tf.maxPool(map, size, size, 'valid')
    }
    trace.outputMap = map
  }
  return { logits: columns as Tensor2D, traces }
}

/**
 * Derivatives of the loss by every tensor, in slot order, from its derivative by the logits (classes × batch).
 * A ReLU passes the gradient where its output is above 0.
 */
function backward(
  backend: TrainingBackend,
  model: Model,
  tensors: readonly Tensor[],
  pass: StackPass,
  logitGradient: Tensor2D,
): Tensor[] {
  const { tf } = backend
  const gradients: Tensor[] = new Array(model.tensors.length)
  let columnGradient = logitGradient
  let mapGradient: Tensor4D | undefined
  const layers = stackOf(model)
  for (let index = layers.length - 1; index >= 0; index--) {
    const layer = layers[index] as Layer
    const trace = pass.traces[index] as LayerTrace
    const slot = layer.tensors[0] as number
    if (layer.kind === 'dense') {
      const dz = denseGradient(backend, layer, trace, columnGradient)
      const inputRows = trace.inputRows ?? transposed(backend, trace.inputColumns as Tensor2D)
      gradients[slot] = tf.matMul(dz, inputRows)
      gradients[slot + 1] = tf.sum(dz, 1, true)
      if (index === 0) break
      const [kernel] = parametersOf(layer, tensors)
      columnGradient = tf.matMul(transposed(backend, kernel as Tensor2D), dz)
      const below = pass.traces[index - 1] as LayerTrace
      if (below.outputMap !== undefined) {
        mapGradient = tf.reshape(transposed(backend, columnGradient), below.outputMap.shape)
      }
    } else if (layer.kind !== 'conv') {
      const output = trace.outputMap as Tensor4D
      // The derivative of a convolution's ReLU before pooling is applied here, on a quarter of the elements: pooling
      // passes gradient only to a window's largest element, which is above 0 exactly when the pooled value is.
      const masked: Tensor4D = tf.mul(mapGradient as Tensor4D, tf.step(output))
      mapGradient = maxPoolGradient(backend, trace.inputMap as Tensor4D, output, masked, layer.window)
    } else {
      const pooledAbove = layers[index + 1]?.kind === 'max-pool'
      const upper = mapGradient as Tensor4D
      const dz: Tensor4D = pooledAbove ? upper : tf.mul(upper, tf.step(trace.outputMap as Tensor4D))
      const input = trace.inputMap as Tensor4D
      gradients[slot] = convFilterGradient(backend, input, dz, layer.window)
      gradients[slot + 1] = tf.sum(tf.reshape(dz, [-1, layer.window.to[2]]), 0)
      if (index === 0) break
      const [filter] = parametersOf(layer, tensors)
      mapGradient = convInputGradient(backend, dz, filter as Tensor4D, layer.window)
    }
  }
  return gradients
}

function denseGradient(
  backend: TrainingBackend,
  layer: DenseOperation,
  trace: LayerTrace,
  upper: Tensor2D,
): Tensor2D {
  const { tf } = backend
  return layer.activation === 'relu' ? tf.mul(upper, tf.step(trace.outputColumns as Tensor2D)) : upper
}
