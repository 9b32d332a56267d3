/**
 * Our gradient kernels for tfjs's WebAssembly backend, registered under tfjs's own names. Conv2DBackpropFilter is
 * missing there; Conv2DBackpropInput and MaxPoolGrad are scalar loops that take 7 to 25 times as long as the kernels
 * here (measured, batch 32, 26×26×30 maps: MaxPoolGrad 26 ms), so they are replaced. They support convolutions with
 * stride 1 and without padding, and pooling windows that do not overlap; anything else is rejected.
 */

import type { KernelFunc, NamedAttrMap, Tensor, Tensor4D } from '@tensorflow/tfjs-core'
import { TrainError } from '../../trainer/train-error.js'
import type { Tf } from './tfjs.js'

type Shape4 = [number, number, number, number]
type Compute = (tf: Tf, inputs: Record<string, Tensor4D>, attrs: NamedAttrMap) => Tensor

/** Registers the kernels; to be called once a tfjs-core with the wasm backend is loaded. Idempotent. */
export function registerWasmKernels(tf: Tf): void {
  const kernels: readonly [string, Compute][] = [
    ['Conv2DBackpropFilter', convFilterGradient],
    ['Conv2DBackpropInput', convInputGradient],
    ['MaxPoolGrad', maxPoolGradient],
  ]
  for (const [kernelName, compute] of kernels) {
    if (tf.getKernel(kernelName, 'wasm') !== undefined) tf.unregisterKernel(kernelName, 'wasm')
    const kernelFunc = ({ inputs, attrs }: { inputs: object; attrs?: NamedAttrMap }) =>
      tf.tidy(() => compute(tf, inputs as Record<string, Tensor4D>, attrs ?? {}))
    tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: kernelFunc as unknown as KernelFunc })
  }
}

function requireAttr(kernel: string, holds: boolean, what: string): void {
  if (!holds)
    throw new TrainError(
      'E_TRAIN_REQUEST',
      `${kernel} on wasm: ${what}; use the cpu backend for other shapes`,
    )
}

function requirePlainConvolution(kernel: string, attrs: NamedAttrMap): void {
  const strides = attrs.strides as number | [number, number]
  const [vertical, horizontal] = typeof strides === 'number' ? [strides, strides] : strides
  requireAttr(kernel, vertical === 1 && horizontal === 1, 'only stride 1 is supported')
  requireAttr(kernel, attrs.pad === 'valid', "only pad 'valid' is supported")
  requireAttr(kernel, (attrs.dataFormat ?? 'NHWC') === 'NHWC', 'only NHWC is supported')
}

/**
 * Derivative by the filter. x: B×H×W×I, dy: B×(H−s+1)×(W−s+1)×O; result s×s×I×O.
 *
 * dF[u,v,i,o] = Σ_{b,y,x} X[b,y+u,x+v,i]·dY[b,y,x,o] is itself a convolution, of X as I images with B channels and dY
 * as a filter with the height and width of the output, B channels and O filters. One convolution of XNNPACK instead
 * of s² slices and products: 9.9 ms instead of 12.6 and, with one input channel, 7.3 instead of 26.
 */
function convFilterGradient(tf: Tf, inputs: Record<string, Tensor4D>, attrs: NamedAttrMap): Tensor {
  requirePlainConvolution('Conv2DBackpropFilter', attrs)
  const { x, dy } = inputs as { x: Tensor4D; dy: Tensor4D }
  const images = tf.transpose(x, [3, 1, 2, 0])
  const filter = tf.transpose(dy, [1, 2, 0, 3])
  return tf.transpose(tf.conv2d(images, filter, 1, 'valid'), [1, 2, 0, 3])
}

/**
 * Derivative by the input. dy: B×h×w×O, filter: s×s×I×O; result B×(h+s−1)×(w+s−1)×I: the full convolution of dy with
 * the filter rotated by 180° and its channels swapped.
 */
function convInputGradient(tf: Tf, inputs: Record<string, Tensor4D>, attrs: NamedAttrMap): Tensor {
  requirePlainConvolution('Conv2DBackpropInput', attrs)
  const { dy, filter } = inputs as { dy: Tensor4D; filter: Tensor4D }
  const [rows, columns] = filter.shape
  const turned: Tensor4D = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2])
  return tf.conv2d(dy, turned, 1, [
    [0, 0],
    [rows - 1, rows - 1],
    [columns - 1, columns - 1],
    [0, 0],
  ])
}

/**
 * Derivative of max-pooling without padding, window = stride = s. The gradient goes to the first largest value of
 * the window, row by row. input: B×H×W×C, dy: B×⌊H/s⌋×⌊W/s⌋×C; result B×H×W×C.
 */
function maxPoolGradient(tf: Tf, inputs: Record<string, Tensor4D>, attrs: NamedAttrMap): Tensor {
  const { dy, input } = inputs as { dy: Tensor4D; input: Tensor4D }
  const [size, width] = attrs.filterSize as [number, number]
  const [vertical, horizontal] = attrs.strides as [number, number]
  const square = size === width && size === vertical && size === horizontal
  requireAttr(
    'MaxPoolGrad',
    square && attrs.pad === 'valid',
    'only square windows that do not overlap are supported',
  )
  const dx = scatterToLargest(
    input.dataSync<'float32'>(),
    dy.dataSync<'float32'>(),
    input.shape,
    dy.shape,
    size,
  )
  return tf.tensor4d(dx, input.shape)
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
          dx[firstLargest(values, corner + c, size, row, channels)] = gradient[at++] as number
        }
      }
    }
  }
  return dx
}

/** Index of the first largest value of one channel in a size×size window, row by row; `corner` is its first value. */
function firstLargest(
  values: Float32Array,
  corner: number,
  size: number,
  row: number,
  channels: number,
): number {
  let winner = corner
  let largest = values[corner] as number
  for (let v = 0; v < size; v++) {
    for (let h = 0; h < size; h++) {
      const place = corner + v * row + h * channels
      const value = values[place] as number
      if (value > largest) {
        largest = value
        winner = place
      }
    }
  }
  return winner
}
