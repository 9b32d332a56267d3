/**
 * Forward pass and hand-written backward pass of a described model on tfjs tensors.
 *
 * Dense layers work on columns (features × batch), z = W·x + b with W: units × inputs. XNNPACK repacks the right
 * operand of a product in every call; in this layout that is the small minibatch, not the weights, which change in
 * every step (784×128: packing W costs 0.65 ms, the product 0.35). Transposed operands are copied first, because
 * tfjs's flags fall back to a scalar loop (5.3 ms instead of 0.4). Convolutions work on B×H×W×C.
 *
 * Every function runs synchronously inside a tf.tidy of the caller, on the current backend.
 */

import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { ConvOperation, DenseOperation, Model, PoolOperation } from '../../task/operation.js'
import type { TrainingBackend } from './backend.js'
import { convFilterGradient, convInputGradient, maxPoolGradient, transposed } from './tfjs-kernels.js'

/** A layer's input and output; `columns` are features × batch, `rows` batch × features. */
interface LayerTrace {
  inputMap?: Tensor4D
  outputMap?: Tensor4D
  inputColumns?: Tensor2D
  inputRows?: Tensor2D
  outputColumns?: Tensor2D
}

export interface ForwardPass {
  /** classes × batch. */
  logits: Tensor2D
  traces: LayerTrace[]
}

type Layer = DenseOperation | ConvOperation | PoolOperation

/** The operations of a model that compute anything; `stackProblem` has found nothing. */
export function stackOf(model: Model): Layer[] {
  return model.operations.filter((operation) => operation.kind !== 'flatten') as Layer[]
}

/** Why a model is no stack of the layers that are written here, or undefined. */
export function stackProblem(model: Model): string | undefined {
  const last = model.operations.at(-1)
  if (last?.kind !== 'dense' || last.activation !== 'linear')
    return 'its last layer is not a linear dense layer'
  let below: string | undefined
  for (const operation of model.operations) {
    const problem = operationProblem(operation, below)
    if (problem !== undefined) return `${operation.kind} (layer ${operation.path}): ${problem}`
    below = operation.kind
  }
  return undefined
}

function operationProblem(
  operation: Model['operations'][number],
  below: string | undefined,
): string | undefined {
  switch (operation.kind) {
    case 'flatten':
      return undefined
    case 'dense':
      if (operation.positions !== 1) return 'only over vectors'
      return operation.bias ? activationProblem(operation.activation) : 'only with a bias'
    case 'max-pool':
      return below === 'conv' ? windowProblem(operation) : 'only after a convolution'
    case 'conv':
      if (below === 'dense' || below === 'flatten') return 'only before dense layers'
      return operation.bias && operation.activation === 'relu'
        ? windowProblem(operation)
        : 'only with a bias and relu'
    default:
      return 'not written for tfjs'
  }
}

function windowProblem({ kind, window }: ConvOperation | PoolOperation): string | undefined {
  const { size, stride, pad } = window
  const wanted = kind === 'conv' ? 1 : size[0]
  if (size[0] !== size[1] || stride[0] !== wanted || stride[1] !== wanted)
    return 'only square, with stride 1 (convolutions) or its own size (pools)'
  return pad.top + pad.bottom + pad.left + pad.right > 0 ? 'only without padding' : undefined
}

function activationProblem(activation: string): string | undefined {
  return activation === 'relu' || activation === 'linear' ? undefined : 'only relu or linear'
}

/** One tensor per slot with a copy of the flat parameters. The caller disposes of them. */
export function uploadParameters(backend: TrainingBackend, model: Model, flat: Float32Array): Tensor[] {
  const columns = new Set(
    stackOf(model).flatMap((layer) => (layer.kind === 'dense' ? [layer.tensors[1]] : [])),
  )
  return model.tensors.map(({ offset, length, shape }, index) =>
    // slice, not subarray: some backends keep the array. The bias of a dense layer is a column here.
    backend.tf.tensor(
      flat.slice(offset, offset + length),
      columns.has(index) ? [length, 1] : [...shape],
      'float32',
    ),
  )
}

/** Reads tensors in slot order back into the flat layout. */
export function downloadParameters(model: Model, tensors: readonly Tensor[], out: Float32Array): void {
  model.tensors.forEach((slot, index) => {
    out.set((tensors[index] as Tensor).dataSync<'float32'>(), slot.offset)
  })
}

/** Kernel and bias of a layer. */
function parametersOf(layer: Layer, tensors: readonly Tensor[]): [Tensor, Tensor] {
  return [tensors[layer.tensors[0] as number] as Tensor, tensors[layer.tensors[1] as number] as Tensor]
}

/** `images`: batch × (height·width·channels), scaled to [0, 1]. */
export function forward(
  backend: TrainingBackend,
  model: Model,
  tensors: readonly Tensor[],
  images: Tensor2D,
): ForwardPass {
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
export function backward(
  backend: TrainingBackend,
  model: Model,
  tensors: readonly Tensor[],
  pass: ForwardPass,
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
      mapGradient = maxPoolGradient(backend, trace.inputMap as Tensor4D, output, masked, layer.window.size[0])
    } else {
      const pooledAbove = layers[index + 1]?.kind === 'max-pool'
      const upper = mapGradient as Tensor4D
      const dz: Tensor4D = pooledAbove ? upper : tf.mul(upper, tf.step(trace.outputMap as Tensor4D))
      const input = trace.inputMap as Tensor4D
      gradients[slot] = convFilterGradient(backend, input, dz, layer.window.size[0])
      gradients[slot + 1] = tf.sum(tf.reshape(dz, [-1, layer.window.to[2]]), 0)
      if (index === 0) break
      const [filter] = parametersOf(layer, tensors)
      mapGradient = convInputGradient(backend, dz, filter as Tensor4D, input.shape)
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
