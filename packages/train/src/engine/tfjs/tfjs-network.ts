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
import type { DenseLayer, Layer, ModelDescription, TensorSlot } from '../../task/models.js'
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

/** Shape of a slot's tensor here: the bias of a dense layer is a column. */
function workingShape(model: ModelDescription, slot: TensorSlot): number[] {
  const layer = model.layers[slot.layer] as Layer
  return layer.kind === 'dense' && slot.kind === 'bias' ? [slot.length, 1] : slot.shape
}

/** One tensor per slot with a copy of the flat parameters. The caller disposes of them. */
export function uploadParameters(
  backend: TrainingBackend,
  model: ModelDescription,
  flat: Float32Array,
): Tensor[] {
  return model.tensors.map((slot) =>
    // slice, not subarray: some backends keep the array.
    backend.tf.tensor(
      flat.slice(slot.offset, slot.offset + slot.length),
      workingShape(model, slot),
      'float32',
    ),
  )
}

/** Reads tensors in slot order back into the flat layout. */
export function downloadParameters(
  model: ModelDescription,
  tensors: readonly Tensor[],
  out: Float32Array,
): void {
  model.tensors.forEach((slot, index) => {
    out.set((tensors[index] as Tensor).dataSync<'float32'>(), slot.offset)
  })
}

/** Kernel and bias of each layer, by layer index. */
function parametersOf(model: ModelDescription, tensors: readonly Tensor[], layer: number): [Tensor, Tensor] {
  const first = model.tensors.findIndex((slot) => slot.layer === layer)
  return [tensors[first] as Tensor, tensors[first + 1] as Tensor]
}

/** `images`: batch × (height·width·channels), scaled to [0, 1]. */
export function forward(
  backend: TrainingBackend,
  model: ModelDescription,
  tensors: readonly Tensor[],
  images: Tensor2D,
): ForwardPass {
  const { tf } = backend
  const batch = images.shape[0]
  const traces: LayerTrace[] = []
  let rows: Tensor2D | undefined = images
  let columns: Tensor2D | undefined
  let map: Tensor4D | undefined
  model.layers.forEach((layer, index) => {
    const trace: LayerTrace = {}
    traces.push(trace)
    if (layer.kind === 'dense') {
      if (map !== undefined) rows = tf.reshape(map, [batch, layer.inputs])
      columns ??= transposed(backend, rows as Tensor2D)
      trace.inputColumns = columns
      if (rows !== undefined) trace.inputRows = rows
      const [kernel, bias] = parametersOf(model, tensors, index)
      const linear: Tensor2D = tf.add(tf.matMul(kernel as Tensor2D, columns), bias)
      columns = layer.activation === 'relu' ? tf.relu(linear) : linear
      trace.outputColumns = columns
      rows = undefined
      map = undefined
      return
    }
    const { height, width, channels } = layer.input
    map ??= tf.reshape(images, [batch, height, width, channels])
    trace.inputMap = map
    if (layer.kind === 'conv') {
      const [filter, bias] = parametersOf(model, tensors, index)
      map = tf.fused.conv2d({
        x: map,
        filter: filter as Tensor4D,
        strides: 1,
        pad: 'valid',
        bias,
        activation: 'relu',
      })
    } else {
      map = tf.maxPool(map, layer.size, layer.size, 'valid')
    }
    trace.outputMap = map
  })
  return { logits: columns as Tensor2D, traces }
}

/**
 * Derivatives of the loss by every tensor, in slot order, from its derivative by the logits (classes × batch).
 * A ReLU passes the gradient where its output is above 0.
 */
export function backward(
  backend: TrainingBackend,
  model: ModelDescription,
  tensors: readonly Tensor[],
  pass: ForwardPass,
  logitGradient: Tensor2D,
): Tensor[] {
  const { tf } = backend
  const gradients: Tensor[] = new Array(model.tensors.length)
  let columnGradient = logitGradient
  let mapGradient: Tensor4D | undefined
  for (let index = model.layers.length - 1; index >= 0; index--) {
    const layer = model.layers[index] as Layer
    const trace = pass.traces[index] as LayerTrace
    const slot = model.tensors.findIndex((candidate) => candidate.layer === index)
    if (layer.kind === 'dense') {
      const dz = denseGradient(backend, layer, trace, columnGradient)
      const inputRows = trace.inputRows ?? transposed(backend, trace.inputColumns as Tensor2D)
      gradients[slot] = tf.matMul(dz, inputRows)
      gradients[slot + 1] = tf.sum(dz, 1, true)
      if (index === 0) break
      const [kernel] = parametersOf(model, tensors, index)
      columnGradient = tf.matMul(transposed(backend, kernel as Tensor2D), dz)
      const below = pass.traces[index - 1] as LayerTrace
      if (below.outputMap !== undefined) {
        mapGradient = tf.reshape(transposed(backend, columnGradient), below.outputMap.shape)
      }
    } else if (layer.kind === 'max-pool') {
      const output = trace.outputMap as Tensor4D
      // The derivative of a convolution's ReLU before pooling is applied here, on a quarter of the elements: pooling
      // passes gradient only to a window's largest element, which is above 0 exactly when the pooled value is.
      const masked: Tensor4D = tf.mul(mapGradient as Tensor4D, tf.step(output))
      mapGradient = maxPoolGradient(backend, trace.inputMap as Tensor4D, output, masked, layer.size)
    } else {
      const pooledAbove = model.layers[index + 1]?.kind === 'max-pool'
      const upper = mapGradient as Tensor4D
      const dz: Tensor4D = pooledAbove ? upper : tf.mul(upper, tf.step(trace.outputMap as Tensor4D))
      const input = trace.inputMap as Tensor4D
      gradients[slot] = convFilterGradient(backend, input, dz, layer.size)
      gradients[slot + 1] = tf.sum(tf.reshape(dz, [-1, layer.output.channels]), 0)
      if (index === 0) break
      const [filter] = parametersOf(model, tensors, index)
      mapGradient = convInputGradient(backend, dz, filter as Tensor4D, input.shape)
    }
  }
  return gradients
}

function denseGradient(
  backend: TrainingBackend,
  layer: DenseLayer,
  trace: LayerTrace,
  upper: Tensor2D,
): Tensor2D {
  const { tf } = backend
  return layer.activation === 'relu' ? tf.mul(upper, tf.step(trace.outputColumns as Tensor2D)) : upper
}
