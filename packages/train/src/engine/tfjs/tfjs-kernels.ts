/**
 * Gradients of windowed layers and of lookups, called by tfjs's kernel names. On WebAssembly the kernels are ours
 * (wasm-kernels.ts); the other two backends use tfjs's own, so that the cpu backend is an independent check.
 */

import type { NamedTensorInfoMap, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Window } from '../../task/operation.js'
import type { TrainingBackend } from './backend.js'
import { padding, type Shape4, type Sides, sides } from './window-shapes.js'

/**
 * The padding of a convolution's forward pass. On WebAssembly by numbers: for `same` XNNPACK computes it itself, and
 * wrongly where the windows along one side leave rows or columns over. TensorFlow's library takes no numbers.
 */
export function convolutionPadding({ name }: TrainingBackend, window: Window): 'valid' | 'same' | Sides {
  const { top, bottom, left, right } = window.pad
  return name === 'wasm' && padding(window) === 'same' ? sides(top, bottom, left, right) : padding(window)
}

function runKernel(
  backend: TrainingBackend,
  name: string,
  inputs: Record<string, Tensor>,
  attrs: object,
): Tensor {
  const run = backend.tf.engine().runKernel.bind(backend.tf.engine()) as (
    kernel: string,
    inputs: NamedTensorInfoMap,
    attrs: object,
  ) => Tensor
  return run(name, inputs, attrs)
}

function convolutionOf(window: Window): object {
  return {
    strides: [...window.stride],
    pad: padding(window),
    dataFormat: 'NHWC',
    dimRoundingMode: undefined,
  }
}

/** Derivative by the filter of a convolution. x: B×H×W×I, dy: B×h×w×O; result rows×columns×I×O. */
export function convFilterGradient(
  backend: TrainingBackend,
  x: Tensor4D,
  dy: Tensor4D,
  window: Window,
): Tensor4D {
  const filterShape: Shape4 = [...window.size, x.shape[3], dy.shape[3]]
  const attrs = { ...convolutionOf(window), filterShape }
  return runKernel(backend, 'Conv2DBackpropFilter', { x, dy }, attrs) as Tensor4D
}

/** Derivative by the input of the same. filter: rows×columns×I×O; result B×H×W×I. */
export function convInputGradient(
  backend: TrainingBackend,
  dy: Tensor4D,
  filter: Tensor4D,
  window: Window,
): Tensor4D {
  const inputShape: Shape4 = [dy.shape[0], window.from[0], window.from[1], filter.shape[2]]
  const attrs = { ...convolutionOf(window), inputShape }
  return runKernel(backend, 'Conv2DBackpropInput', { dy, filter }, attrs) as Tensor4D
}

/** Derivative by the filter of a depthwise convolution. x: B×H×W×C, dy: B×h×w×(C·M); result rows×columns×C×M. */
export function depthwiseFilterGradient(
  backend: TrainingBackend,
  x: Tensor4D,
  dy: Tensor4D,
  window: Window,
): Tensor4D {
  const channels = x.shape[3]
  const filterShape: Shape4 = [...window.size, channels, dy.shape[3] / channels]
  const attrs = { ...convolutionOf(window), dilations: [1, 1], filterShape }
  return runKernel(backend, 'DepthwiseConv2dNativeBackpropFilter', { x, dy }, attrs) as Tensor4D
}

/** Derivative by the input of the same. filter: rows×columns×C×M; result B×H×W×C. */
export function depthwiseInputGradient(
  backend: TrainingBackend,
  dy: Tensor4D,
  filter: Tensor4D,
  window: Window,
): Tensor4D {
  const inputShape: Shape4 = [dy.shape[0], window.from[0], window.from[1], filter.shape[2]]
  const attrs = { ...convolutionOf(window), dilations: [1, 1], inputShape }
  return runKernel(backend, 'DepthwiseConv2dNativeBackpropInput', { dy, filter }, attrs) as Tensor4D
}

function poolOf(window: Window): object {
  const { size, stride } = window
  return {
    filterSize: [...size],
    strides: [...stride],
    pad: padding(window),
    dimRoundingMode: undefined,
  }
}

/** Derivative of max-pooling. input: B×H×W×C, output and dy: B×h×w×C; result B×H×W×C. */
export function maxPoolGradient(
  backend: TrainingBackend,
  input: Tensor4D,
  output: Tensor4D,
  dy: Tensor4D,
  window: Window,
): Tensor4D {
  return runKernel(backend, 'MaxPoolGrad', { dy, input, output }, poolOf(window)) as Tensor4D
}

/** Derivative of average-pooling; of tfjs's own backends, where every window counts as a whole, also its padding. */
export function averagePoolGradient(
  backend: TrainingBackend,
  input: Tensor4D,
  dy: Tensor4D,
  window: Window,
): Tensor4D {
  return runKernel(backend, 'AvgPoolGrad', { dy, input }, poolOf(window)) as Tensor4D
}

/** Sums of the rows of `x` (n×d) that have the same one of `numSegments` ids; result numSegments×d. */
export function segmentSums(
  backend: TrainingBackend,
  x: Tensor2D,
  segmentIds: Tensor1D,
  numSegments: number,
): Tensor2D {
  return runKernel(backend, 'UnsortedSegmentSum', { x, segmentIds }, { numSegments }) as Tensor2D
}

/**
 * The transposed matrix; the WebAssembly product is several times faster on a transposed copy than with its transpose
 * flag.
 */
export function transposed(backend: TrainingBackend, matrix: Tensor2D): Tensor2D {
  return backend.tf.transpose(matrix)
}
