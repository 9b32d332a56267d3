/**
 * Gradients of the image layers. tfjs's WebAssembly backend lacks Conv2DBackpropFilter, and its
 * Conv2DBackpropInput and MaxPoolGrad are scalar loops that take 7 to 25 times as long as what stands here
 * (measured, batch 32, 26×26×30 maps: MaxPoolGrad 26 ms). The other two backends use their own kernels, which makes
 * the cpu backend an independent check.
 */

import type { NamedTensorInfoMap, Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { TrainingBackend } from './backend.js'

type Shape4 = [number, number, number, number]

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
 *
 * WebAssembly: dF[u,v,i,o] = Σ_{b,y,x} X[b,y+u,x+v,i]·dY[b,y,x,o] is itself a convolution, of X read as I images with
 * B channels by dY read as a filter of height × width of the output, B channels and O filters. One convolution of
 * XNNPACK instead of s² slices and products: 9.9 ms instead of 12.6 and, with one input channel, 7.3 instead of 26.
 */
export function convFilterGradient(
  backend: TrainingBackend,
  x: Tensor4D,
  dy: Tensor4D,
  size: number,
): Tensor4D {
  const { tf } = backend
  if (backend.name !== 'wasm') {
    const filterShape: Shape4 = [size, size, x.shape[3], dy.shape[3]]
    return runKernel(
      backend,
      'Conv2DBackpropFilter',
      { x, dy },
      { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', dimRoundingMode: undefined, filterShape },
    )
  }
  const images = tf.transpose(x, [3, 1, 2, 0])
  const filter = tf.transpose(dy, [1, 2, 0, 3])
  return tf.transpose(tf.conv2d(images, filter, 1, 'valid'), [1, 2, 0, 3])
}

/**
 * Derivative by the input of a stride-1, unpadded convolution. dy: B×h×w×O, filter: s×s×I×O; result B×(h+s−1)×(w+s−1)×I.
 * WebAssembly: the full convolution of dy with the filter turned by 180° and its channels exchanged.
 */
export function convInputGradient(
  backend: TrainingBackend,
  dy: Tensor4D,
  filter: Tensor4D,
  inputShape: Shape4,
): Tensor4D {
  const { tf } = backend
  if (backend.name !== 'wasm') {
    return runKernel(
      backend,
      'Conv2DBackpropInput',
      { dy, filter },
      { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', dimRoundingMode: undefined, inputShape },
    )
  }
  const margin = filter.shape[0] - 1
  const turned: Tensor4D = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2])
  return tf.conv2d(dy, turned, 1, [
    [0, 0],
    [margin, margin],
    [margin, margin],
    [0, 0],
  ])
}

/**
 * Derivative of max-pooling without padding, window = stride = size. The gradient goes to the first largest value
 * of the window, row by row. input: B×H×W×C, output and dy: B×⌊H/s⌋×⌊W/s⌋×C; result B×H×W×C.
 */
export function maxPoolGradient(
  backend: TrainingBackend,
  input: Tensor4D,
  output: Tensor4D,
  dy: Tensor4D,
  size: number,
): Tensor4D {
  if (backend.name !== 'wasm') {
    return runKernel(
      backend,
      'MaxPoolGrad',
      { dy, input, output },
      { filterSize: [size, size], strides: [size, size], pad: 'valid', dimRoundingMode: undefined },
    )
  }
  const dx = scatterToLargest(
    input.dataSync<'float32'>(),
    dy.dataSync<'float32'>(),
    input.shape,
    dy.shape,
    size,
  )
  return backend.tf.tensor4d(dx, input.shape)
}

function scatterToLargest(
  values: Float32Array,
  gradient: Float32Array,
  [batch, height, width, channels]: Shape4,
  [, outHeight, outWidth]: Shape4,
  size: number,
): Float32Array {
  const dx = new Float32Array(values.length)
  const row = width * channels
  let at = 0
  for (let b = 0; b < batch; b++) {
    for (let y = 0; y < outHeight; y++) {
      for (let x = 0; x < outWidth; x++) {
        const corner = (b * height + y * size) * row + x * size * channels
        for (let c = 0; c < channels; c++) {
          let winner = corner + c
          let largest = values[winner] as number
          for (let v = 0; v < size; v++) {
            for (let h = 0; h < size; h++) {
              const place = corner + v * row + h * channels + c
              const value = values[place] as number
              if (value > largest) {
                largest = value
                winner = place
              }
            }
          }
          dx[winner] = gradient[at++] as number
        }
      }
    }
  }
  return dx
}

/** Rows become columns; the WebAssembly product is several times faster on a transposed copy than with its flag. */
export function transposed(backend: TrainingBackend, matrix: Tensor2D): Tensor2D {
  return backend.tf.transpose(matrix)
}
