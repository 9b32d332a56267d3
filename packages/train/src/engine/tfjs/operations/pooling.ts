import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core'
import type { GlobalPoolOperation, PoolOperation, Window } from '../../../task/operation.js'
import { averagePoolGradient, maxPoolGradient } from '../tfjs-kernels.js'
import { padding } from '../window-shapes.js'
import type { Applied, Workspace } from './applied.js'

export function applyPool(operation: PoolOperation, x: Tensor, work: Workspace): Applied {
  const { backend, batch } = work
  const { tf } = backend
  const { window, kind } = operation
  const map: Tensor4D = tf.reshape(x, [batch, ...window.from])
  const [size, stride] = [[...window.size], [...window.stride]] as [[number, number], [number, number]]
  const pool = kind === 'max-pool' ? tf.maxPool : tf.avgPool
  const output: Tensor4D = pool(map, size, stride, padding(window))
  return {
    output: tf.reshape(output, [batch, ...operation.output]),
    backward(upper) {
      const dy: Tensor4D = tf.reshape(upper, output.shape)
      return () => {
        const dx =
          kind === 'max-pool'
            ? maxPoolGradient(backend, map, output, dy, window)
            : averagePoolGradient(backend, map, ofWholeWindows(work, dy, window), window)
        return tf.reshape(dx, x.shape)
      }
    },
  }
}

/**
 * dy times the size of each window over the number of its positions inside the image. Padding does not count for the
 * average, but the gradient of tfjs's own backends divides by the size of the window; that of TensorFlow's library does not.
 */
function ofWholeWindows({ backend }: Workspace, dy: Tensor4D, window: Window): Tensor4D {
  const { tf } = backend
  if (backend.name === 'node' || padding(window) === 'valid') return dy
  const { size, stride, pad, from, to } = window
  const inside = (axis: 0 | 1, before: number): number[] =>
    Array.from({ length: to[axis] }, (_, k) => {
      const first = k * stride[axis] - before
      return Math.min(first + size[axis], from[axis]) - Math.max(first, 0)
    })
  const columns = inside(1, pad.left)
  const shares = inside(0, pad.top).flatMap((rows) =>
    columns.map((count) => (size[0] * size[1]) / (rows * count)),
  )
  return tf.mul(dy, tf.tensor4d(shares, [1, to[0], to[1], 1]))
}

export function applyGlobalPool(operation: GlobalPoolOperation, x: Tensor, work: Workspace): Applied {
  const { backend, batch } = work
  const { tf } = backend
  const { positions, channels, kind } = operation
  const sequence: Tensor3D = tf.reshape(x, [batch, positions, channels])
  const onePosition = (upper: Tensor): Tensor => tf.reshape(upper, [batch, 1, channels])
  if (kind === 'global-average-pool') {
    return {
      output: tf.mean(sequence, 1),
      backward: (upper) => () => {
        const share = onePosition(tf.div(upper, positions))
        return tf.reshape(tf.tile(share, [1, positions, 1]), x.shape)
      },
    }
  }
  return {
    output: tf.max(sequence, 1),
    // The first of equal maxima gets it.
    backward: (upper) => () => {
      const first: Tensor2D = tf.argMax(sequence, 1)
      const chosen = tf.oneHot(tf.reshape(first, [-1]) as Tensor1D, positions)
      const mask = tf.transpose(
        tf.reshape(tf.cast(chosen, 'float32'), [batch, channels, positions]),
        [0, 2, 1],
      )
      return tf.reshape(tf.mul(mask, onePosition(upper)), x.shape)
    },
  }
}
