import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core'
import type { ConvOperation, DepthwiseConvOperation } from '../../../task/operation.js'
import {
  convFilterGradient,
  convInputGradient,
  convolutionPadding,
  depthwiseFilterGradient,
  depthwiseInputGradient,
} from '../tfjs-kernels.js'
import { activate } from './activation.js'
import { type Applied, keepGradient, tensorsOf, type Workspace } from './applied.js'

/** Both kinds of convolution; those over sequences have maps of width 1. */
export function applyConvolution(
  operation: ConvOperation | DepthwiseConvOperation,
  x: Tensor,
  work: Workspace,
): Applied {
  const { backend, batch } = work
  const { tf } = backend
  const { window, activation } = operation
  const [filter, bias] = tensorsOf(operation, work) as [Tensor4D, Tensor | undefined]
  const map: Tensor4D = tf.reshape(x, [batch, ...window.from])
  const stride: [number, number] = [...window.stride]
  const pad = convolutionPadding(backend, window)
  const plain = operation.kind === 'conv'
  const sums = plain ? tf.conv2d(map, filter, stride, pad) : tf.depthwiseConv2d(map, filter, stride, pad)
  const active = activate(tf, activation, bias === undefined ? sums : tf.add(sums, bias))
  return {
    output: tf.reshape(active.output, [batch, ...operation.output]),
    backward(upper) {
      const dz = active.backward(tf.reshape(upper, sums.shape)) as Tensor4D
      const filterGradient = plain ? convFilterGradient : depthwiseFilterGradient
      keepGradient(operation, 0, work, filterGradient(backend, map, dz, window))
      if (bias !== undefined) {
        keepGradient(operation, 1, work, tf.sum(tf.reshape(dz, [-1, window.to[2]]), 0))
      }
      const inputGradient = plain ? convInputGradient : depthwiseInputGradient
      return () => tf.reshape(inputGradient(backend, dz, filter, window), x.shape)
    },
  }
}
