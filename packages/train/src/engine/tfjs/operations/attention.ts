import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core'
import type { AttentionOperation } from '../../../task/operation.js'
import type { Tf } from '../tfjs.js'
import {
  type Applied,
  keepGradient,
  kernelGradient,
  linear,
  rowsOf,
  tensorsOf,
  type Workspace,
} from './applied.js'

export function applyAttention(operation: AttentionOperation, x: Tensor, work: Workspace): Applied {
  const { tf } = work.backend
  const { positions, size, heads, causal } = operation
  const [kernel, bias, outputKernel, outputBias] = tensorsOf(operation, work) as [
    Tensor2D,
    Tensor,
    Tensor2D,
    Tensor,
  ]
  const split = headSplitter(work, operation)
  const rows = rowsOf(work, x, size)
  const [q, k, v] = (tf.split(linear(work, rows, kernel, bias), 3, 1) as Tensor2D[]).map(split.apart) as [
    Tensor3D,
    Tensor3D,
    Tensor3D,
  ]
  const share = 1 / Math.sqrt(size / heads)
  const scores: Tensor3D = tf.mul(tf.matMul(q, turned(tf, k)), share)
  const masked: Tensor3D = causal ? tf.add(scores, futureMask(tf, positions)) : scores
  const weights = tf.softmax(masked)
  const context = split.together(tf.matMul(weights, v))
  return {
    output: tf.reshape(linear(work, context, outputKernel, outputBias), x.shape),
    backward(upper) {
      const dy = rowsOf(work, upper, size)
      keepGradient(operation, 2, work, kernelGradient(work, dy, context))
      keepGradient(operation, 3, work, tf.sum(dy, 0))
      const dContext = split.apart(tf.matMul(dy, outputKernel))
      const dWeights = tf.matMul(dContext, turned(tf, v))
      const along = tf.sum(tf.mul(dWeights, weights), -1, true)
      const dScores: Tensor3D = tf.mul(tf.mul(weights, tf.sub(dWeights, along)), share)
      const parts = [
        tf.matMul(dScores, k),
        tf.matMul(turned(tf, dScores), q),
        tf.matMul(turned(tf, weights), dContext),
      ] as [Tensor3D, Tensor3D, Tensor3D]
      const dz = tf.concat(parts.map(split.together), 1)
      keepGradient(operation, 0, work, kernelGradient(work, dz, rows))
      keepGradient(operation, 1, work, tf.sum(dz, 0))
      return () => tf.reshape(tf.matMul(dz, kernel), x.shape)
    },
  }
}

function turned(tf: Tf, matrices: Tensor3D): Tensor3D {
  return tf.transpose(matrices, [0, 2, 1])
}

/** From batch·positions × size to batch·heads × positions × size/heads, and back. */
function headSplitter(
  { backend: { tf }, batch }: Workspace,
  { positions, size, heads }: AttentionOperation,
): { apart(rows: Tensor2D): Tensor3D; together(parts: Tensor3D): Tensor2D } {
  const width = size / heads
  return {
    apart(rows) {
      const parts = tf.transpose(tf.reshape(rows, [batch, positions, heads, width]), [0, 2, 1, 3])
      return tf.reshape(parts, [batch * heads, positions, width])
    },
    together(parts) {
      const rows = tf.transpose(tf.reshape(parts, [batch, heads, positions, width]), [0, 2, 1, 3])
      return tf.reshape(rows, [batch * positions, size])
    },
  }
}

/** positions × positions; what is added to scores of later positions makes their weights 0. */
function futureMask(tf: Tf, positions: number): Tensor2D {
  const mask = Float32Array.from({ length: positions ** 2 }, (_, k) =>
    k % positions > Math.floor(k / positions) ? -1e9 : 0,
  )
  return tf.tensor2d(mask, [positions, positions])
}
