/**
 * Our gradient kernels for tfjs's WebAssembly backend, registered under tfjs's own names. Conv2DBackpropFilter, those of
 * depthwise convolutions and UnsortedSegmentSum are missing there; Conv2DBackpropInput and MaxPoolGrad are scalar loops
 * that take 7 to 25 times as long as the kernels here (measured, batch 32, 26×26×30 maps: MaxPoolGrad 26 ms), so they
 * are replaced.
 */

import type { backend_util, KernelFunc, NamedAttrMap, Tensor, Tensor4D } from '@tensorflow/tfjs-core'
import { TrainError } from '../../trainer/train-error.js'
import type { Tf } from './tfjs.js'
import {
  depthwiseFilterGradient,
  depthwiseInputGradient,
  maxPoolGradient,
  segmentSums,
} from './wasm-loops.js'
import { type Shape4, sides } from './window-shapes.js'

type Compute = (tf: Tf, inputs: Record<string, Tensor4D>, attrs: NamedAttrMap) => Tensor
type Convolution = backend_util.Conv2DInfo

/** Registers the kernels; to be called once a tfjs-core with the wasm backend is loaded. Idempotent. */
export function registerWasmKernels(tf: Tf): void {
  const kernels: readonly [string, Compute][] = [
    ['Conv2DBackpropFilter', convFilterGradient],
    ['Conv2DBackpropInput', convInputGradient],
    ['DepthwiseConv2dNativeBackpropFilter', depthwiseFilter],
    ['DepthwiseConv2dNativeBackpropInput', depthwiseInput],
    ['MaxPoolGrad', maxPool],
    ['UnsortedSegmentSum', segments],
  ]
  for (const [kernelName, compute] of kernels) {
    if (tf.getKernel(kernelName, 'wasm') !== undefined) tf.unregisterKernel(kernelName, 'wasm')
    const kernelFunc = ({ inputs, attrs }: { inputs: object; attrs?: NamedAttrMap }) =>
      tf.tidy(() => compute(tf, inputs as Record<string, Tensor4D>, attrs ?? {}))
    tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: kernelFunc as unknown as KernelFunc })
  }
}

/** Sizes and padding of a convolution without dilation. Throws TrainError for another one. */
function convolution(
  tf: Tf,
  kernel: string,
  attrs: NamedAttrMap,
  input: Shape4,
  filter: Shape4,
  depthwise = false,
): Convolution {
  const { strides, pad, dataFormat, dilations } = attrs as {
    strides: [number, number]
    pad: 'valid' | 'same'
    dataFormat?: string
    dilations?: [number, number]
  }
  if ((dataFormat ?? 'NHWC') !== 'NHWC' || (dilations ?? [1, 1]).some((dilation) => dilation !== 1)) {
    const wanted = 'only NHWC without dilation is supported; use the cpu backend for others'
    throw new TrainError('E_TRAIN_REQUEST', `${kernel} on wasm: ${wanted}`)
  }
  return tf.backend_util.computeConv2DInfo(input, filter, strides, 1, pad, undefined, depthwise)
}

/**
 * Derivative by the filter. x: B×H×W×I, dy: B×h×w×O; result r×c×I×O.
 *
 * dF[u,v,i,o] = Σ_{b,y,x} X[b,s·y+u,s·x+v,i]·dY[b,y,x,o] is itself a convolution, of X as I images with B channels and
 * dY as a filter with the height and width of the output, B channels, O filters and the stride s as its dilation. One
 * convolution of XNNPACK instead of r·c slices and products: 9.9 ms instead of 12.6 and, with one input channel, 7.3
 * instead of 26.
 */
function convFilterGradient(tf: Tf, inputs: Record<string, Tensor4D>, attrs: NamedAttrMap): Tensor {
  const { x, dy } = inputs as { x: Tensor4D; dy: Tensor4D }
  const filterShape = attrs.filterShape as Shape4
  const info = convolution(tf, 'Conv2DBackpropFilter', attrs, x.shape, filterShape)
  const images = tf.transpose(x, [3, 1, 2, 0])
  const filter = tf.transpose(dy, [1, 2, 0, 3])
  const { top, bottom, left, right } = info.padInfo
  const pad = top + bottom + left + right === 0 ? 'valid' : sides(top, bottom, left, right)
  const dilation: [number, number] = [info.strideHeight, info.strideWidth]
  const all = tf.conv2d(images, filter, 1, pad, 'NHWC', dilation)
  // Rows and columns of x that no window of this stride reaches give further sums.
  const [rows, columns] = filterShape
  const own =
    all.shape[1] === rows && all.shape[2] === columns
      ? all
      : tf.slice(all, [0, 0, 0, 0], [all.shape[0], rows, columns, all.shape[3]])
  return tf.transpose(own, [1, 2, 0, 3])
}

/**
 * Derivative by the input. dy: B×h×w×O, filter: r×c×I×O; result B×H×W×I: the full convolution of dy, with s − 1 zeros
 * between its elements, with the filter rotated by 180° and its channels swapped.
 */
function convInputGradient(tf: Tf, inputs: Record<string, Tensor4D>, attrs: NamedAttrMap): Tensor {
  const { dy, filter } = inputs as { dy: Tensor4D; filter: Tensor4D }
  const inputShape = attrs.inputShape as Shape4
  const info = convolution(tf, 'Conv2DBackpropInput', attrs, inputShape, filter.shape)
  const [rows, columns] = filter.shape
  const spread = spreadOut(tf, dy, info.strideHeight, info.strideWidth)
  const turned: Tensor4D = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2])
  const top = rows - 1 - info.padInfo.top
  const left = columns - 1 - info.padInfo.left
  const bottom = inputShape[1] + rows - 1 - top - spread.shape[1]
  const right = inputShape[2] + columns - 1 - left - spread.shape[2]
  return tf.conv2d(spread, turned, 1, sides(top, bottom, left, right))
}

/** dy: B×h×w×O with zeros between its elements: B×((h−1)·down+1)×((w−1)·across+1)×O. */
function spreadOut(tf: Tf, dy: Tensor4D, down: number, across: number): Tensor4D {
  if (down === 1 && across === 1) return dy
  const [batch, height, width, filters] = dy.shape
  const columns = tf.pad(tf.reshape(dy, [batch * height * width, 1, filters]), [
    [0, 0],
    [0, across - 1],
    [0, 0],
  ])
  const rows = tf.pad(tf.reshape(columns, [batch * height, 1, width * across * filters]), [
    [0, 0],
    [0, down - 1],
    [0, 0],
  ])
  const all: Tensor4D = tf.reshape(rows, [batch, height * down, width * across, filters])
  return tf.slice(all, [0, 0, 0, 0], [batch, (height - 1) * down + 1, (width - 1) * across + 1, filters])
}

function depthwiseFilter(tf: Tf, inputs: Record<string, Tensor4D>, attrs: NamedAttrMap): Tensor {
  const { x, dy } = inputs as { x: Tensor4D; dy: Tensor4D }
  const filterShape = attrs.filterShape as Shape4
  const name = 'DepthwiseConv2dNativeBackpropFilter'
  const info = convolution(tf, name, attrs, x.shape, filterShape, true)
  return tf.tensor4d(
    depthwiseFilterGradient(x.dataSync<'float32'>(), dy.dataSync<'float32'>(), info),
    filterShape,
  )
}

function depthwiseInput(tf: Tf, inputs: Record<string, Tensor4D>, attrs: NamedAttrMap): Tensor {
  const { dy, filter } = inputs as { dy: Tensor4D; filter: Tensor4D }
  const inputShape = attrs.inputShape as Shape4
  const name = 'DepthwiseConv2dNativeBackpropInput'
  const info = convolution(tf, name, attrs, inputShape, filter.shape, true)
  return tf.tensor4d(
    depthwiseInputGradient(dy.dataSync<'float32'>(), filter.dataSync<'float32'>(), info),
    inputShape,
  )
}

function maxPool(tf: Tf, inputs: Record<string, Tensor4D>, attrs: NamedAttrMap): Tensor {
  const { dy, input } = inputs as { dy: Tensor4D; input: Tensor4D }
  const { filterSize, strides, pad } = attrs as {
    filterSize: [number, number]
    strides: [number, number]
    pad: 'valid' | 'same'
  }
  const info = tf.backend_util.computePool2DInfo(input.shape, filterSize, strides, 1, pad)
  return tf.tensor4d(
    maxPoolGradient(input.dataSync<'float32'>(), dy.dataSync<'float32'>(), info),
    input.shape,
  )
}

function segments(tf: Tf, inputs: Record<string, Tensor>, attrs: NamedAttrMap): Tensor {
  const { x, segmentIds } = inputs as { x: Tensor; segmentIds: Tensor }
  const numSegments = attrs.numSegments as number
  const width = x.shape[1] as number
  const sums = segmentSums(x.dataSync<'float32'>(), segmentIds.dataSync<'int32'>(), numSegments, width)
  return tf.tensor2d(sums, [numSegments, width])
}
