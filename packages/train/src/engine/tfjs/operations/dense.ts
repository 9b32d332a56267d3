import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import type { DenseOperation } from '../../../task/operation.js'
import { activate } from './activation.js'
import {
  type Applied,
  keepGradient,
  kernelGradient,
  linear,
  rowsOf,
  tensorsOf,
  type Workspace,
} from './applied.js'

export function applyDense(operation: DenseOperation, x: Tensor, work: Workspace): Applied {
  const { tf } = work.backend
  const { inputs, units, activation } = operation
  const [kernel, bias] = tensorsOf(operation, work) as [Tensor2D, Tensor | undefined]
  const rows = rowsOf(work, x, inputs)
  const active = activate(tf, activation, linear(work, rows, kernel, bias))
  return {
    output: tf.reshape(active.output, [work.batch, ...operation.output]),
    backward(upper) {
      const dz = active.backward(rowsOf(work, upper, units)) as Tensor2D
      keepGradient(operation, 0, work, kernelGradient(work, dz, rows))
      if (bias !== undefined) keepGradient(operation, 1, work, tf.sum(dz, 0))
      return () => tf.reshape(tf.matMul(dz, kernel), x.shape)
    },
  }
}
