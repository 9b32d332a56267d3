/**
 * Gradients of the image layers, called by tfjs's kernel names. On WebAssembly the kernels are ours
 * (wasm-kernels.ts); the other two backends use tfjs's own, so that the cpu backend is an independent check.
 */

import type { NamedTensorInfoMap, Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { TrainingBackend } from './backend.js'

type Shape4 = [number, number, number, number]

const CONVOLUTION = { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', dimRoundingMode: undefined }

function runKernel(
  backend: TrainingBackend,
  name: string,
  inputs: Record<string, Tensor>,
  attrs: object,
): Tensor4D {
  const run = backend.tf.engine().runKernel.bind(backend.tf.engine()) as (
    kernel: string,
    inputs: NamedTensorInfoMap,
    attrs: object,
  ) => Tensor
  return run(name, inputs, attrs) as Tensor4D
}

/**
 * Derivative by the filter of a stride-1, unpadded convolution. x: B×H×W×I, dy: B×(H−s+1)×(W−s+1)×O; result s×s×I×O.
 */
export function convFilterGradient(
  backend: TrainingBackend,
  x: Tensor4D,
  dy: Tensor4D,
  size: number,
): Tensor4D {
  const filterShape: Shape4 = [size, size, x.shape[3], dy.shape[3]]
  return runKernel(backend, 'Conv2DBackpropFilter', { x, dy }, { ...CONVOLUTION, filterShape })
}

/** Derivative by the input of the same. dy: B×h×w×O, filter: s×s×I×O; result B×(h+s−1)×(w+s−1)×I. */
export function convInputGradient(
  backend: TrainingBackend,
  dy: Tensor4D,
  filter: Tensor4D,
  inputShape: Shape4,
): Tensor4D {
  return runKernel(backend, 'Conv2DBackpropInput', { dy, filter }, { ...CONVOLUTION, inputShape })
}

/**
 * Derivative of max-pooling without padding, window = stride = size. input: B×H×W×C, output and dy:
 * B×⌊H/s⌋×⌊W/s⌋×C; result B×H×W×C.
 */
export function maxPoolGradient(
  backend: TrainingBackend,
  input: Tensor4D,
  output: Tensor4D,
  dy: Tensor4D,
  size: number,
): Tensor4D {
  const attrs = { filterSize: [size, size], strides: [size, size], pad: 'valid', dimRoundingMode: undefined }
  return runKernel(backend, 'MaxPoolGrad', { dy, input, output }, attrs)
}

/**
 * The transposed matrix; the WebAssembly product is several times faster on a transposed copy than with its transpose
 * flag.
 */
export function transposed(backend: TrainingBackend, matrix: Tensor2D): Tensor2D {
  return backend.tf.transpose(matrix)
}
