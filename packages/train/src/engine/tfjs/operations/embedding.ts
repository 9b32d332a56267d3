import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import type { EmbeddingOperation, PositionEmbeddingOperation } from '../../../task/operation.js'
import { segmentSums } from '../tfjs-kernels.js'
import { type Applied, keepGradient, rowsOf, tensorsOf, type Workspace } from './applied.js'

/** `x`: int32 tokens, batch × positions. */
export function applyEmbedding(operation: EmbeddingOperation, x: Tensor, work: Workspace): Applied {
  const { backend, batch } = work
  const { tf } = backend
  const [kernel] = tensorsOf(operation, work) as [Tensor2D]
  const tokens: Tensor1D = tf.reshape(x, [-1])
  return {
    output: tf.reshape(tf.gather(kernel, tokens), [batch, ...operation.output]),
    backward(upper) {
      const { vocabulary, size } = operation
      const rows = rowsOf(work, upper, size)
      keepGradient(operation, 0, work, segmentSums(backend, rows, tokens, vocabulary))
      return () => tf.zeros(x.shape)
    },
  }
}

export function applyPositionEmbedding(
  operation: PositionEmbeddingOperation,
  x: Tensor,
  work: Workspace,
): Applied {
  const { tf } = work.backend
  const [kernel] = tensorsOf(operation, work) as [Tensor2D]
  return {
    output: tf.add(x, kernel),
    backward(upper) {
      keepGradient(operation, 0, work, tf.sum(upper, 0))
      return () => upper
    },
  }
}
