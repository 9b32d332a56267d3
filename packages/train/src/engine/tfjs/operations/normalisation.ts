import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { GroupNormOperation, LayerNormOperation } from '../../../task/operation.js'
import { type Applied, keepGradient, rowsOf, tensorsOf, type Workspace } from './applied.js'

export function applyNorm(
  operation: LayerNormOperation | GroupNormOperation,
  x: Tensor,
  work: Workspace,
): Applied {
  const { tf } = work.backend
  const { channels, epsilon } = operation
  const [scale, shift] = tensorsOf(operation, work) as [Tensor, Tensor]
  const layout = operation.kind === 'layer-norm' ? byPosition(work, channels) : byGroup(work, operation)
  const normal = normalise(work, layout.rows(x), epsilon)
  const values = layout.positions(normal.output)
  return {
    output: tf.reshape(tf.add(tf.mul(values, scale), shift), x.shape),
    backward(upper) {
      const dy = rowsOf(work, upper, channels)
      keepGradient(operation, 0, work, tf.sum(tf.mul(dy, values), 0))
      keepGradient(operation, 1, work, tf.sum(dy, 0))
      return () => {
        const dx = normal.backward(layout.rows(tf.mul(dy, scale)))
        return tf.reshape(layout.positions(dx), x.shape)
      }
    },
  }
}

/** Where the numbers lie that are normalised together. */
interface Layout {
  /** One row for each mean. */
  rows(x: Tensor): Tensor2D
  /** Back to positions × channels. */
  positions(rows: Tensor2D): Tensor2D
}

function byPosition(work: Workspace, channels: number): Layout {
  return { rows: (x) => rowsOf(work, x, channels), positions: (rows) => rows }
}

function byGroup(work: Workspace, { positions, channels, groups }: GroupNormOperation): Layout {
  const { tf } = work.backend
  const size = channels / groups
  return {
    rows(x) {
      const parted: Tensor4D = tf.reshape(x, [work.batch, positions, groups, size])
      return rowsOf(work, groups === 1 ? parted : tf.transpose(parted, [0, 2, 1, 3]), positions * size)
    },
    positions(rows) {
      const parted: Tensor4D = tf.reshape(rows, [work.batch, groups, positions, size])
      return rowsOf(work, groups === 1 ? parted : tf.transpose(parted, [0, 2, 1, 3]), channels)
    },
  }
}

/** (x − mean)/√(variance + ε) of each row, and dx = (dy − mean(dy) − y·mean(dy·y))/√(variance + ε). */
function normalise(
  { backend: { tf } }: Workspace,
  x: Tensor2D,
  epsilon: number,
): { output: Tensor2D; backward(upper: Tensor2D): Tensor2D } {
  const centred: Tensor2D = tf.sub(x, tf.mean(x, 1, true))
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), epsilon))
  const output: Tensor2D = tf.mul(centred, inverse)
  return {
    output,
    backward(upper) {
      const along = tf.mul(output, tf.mean(tf.mul(upper, output), 1, true))
      return tf.mul(tf.sub(tf.sub(upper, tf.mean(upper, 1, true)), along), inverse)
    },
  }
}
