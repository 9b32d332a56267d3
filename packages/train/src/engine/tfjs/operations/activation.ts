import type { Tensor } from '@tensorflow/tfjs-core'
import type { Activation } from '../../../task/layer-schema.js'
import type { Tf } from '../tfjs.js'

const LEAK = 0.01

/** The activation of z, and the derivative by z from that by its result. */
export function activate(
  tf: Tf,
  activation: Activation,
  z: Tensor,
): { output: Tensor; backward(upper: Tensor): Tensor } {
  switch (activation) {
    case 'linear':
      return { output: z, backward: (upper) => upper }
    case 'relu': {
      const output = tf.relu(z)
      return { output, backward: (upper) => tf.mul(upper, tf.step(output)) }
    }
    case 'leaky-relu': {
      const output = tf.leakyRelu(z, LEAK)
      return { output, backward: (upper) => tf.where(tf.less(z, 0), tf.mul(upper, LEAK), upper) }
    }
    case 'tanh': {
      const output = tf.tanh(z)
      return { output, backward: (upper) => tf.mul(upper, tanhSlope(tf, output)) }
    }
    case 'sigmoid': {
      const output = tf.sigmoid(z)
      return { output, backward: (upper) => tf.mul(upper, sigmoidSlope(tf, output)) }
    }
    case 'silu': {
      // z·σ(z), with the derivative σ·(1 + z·(1 − σ)).
      const share = tf.sigmoid(z)
      const slope = (): Tensor => tf.mul(share, tf.add(tf.mul(z, tf.sub(1, share)), 1))
      return { output: tf.mul(z, share), backward: (upper) => tf.mul(upper, slope()) }
    }
    case 'gelu': {
      // z·Φ(z), with the derivative Φ(z) + z·φ(z).
      const share = tf.mul(tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1), 0.5)
      const density = (): Tensor => tf.mul(tf.exp(tf.mul(tf.square(z), -0.5)), 1 / Math.sqrt(2 * Math.PI))
      return {
        output: tf.mul(z, share),
        backward: (upper) => tf.mul(upper, tf.add(share, tf.mul(z, density()))),
      }
    }
  }
}

/** σ′ from σ. */
export function sigmoidSlope(tf: Tf, output: Tensor): Tensor {
  return tf.mul(output, tf.sub(1, output))
}

/** tanh′ from tanh. */
export function tanhSlope(tf: Tf, output: Tensor): Tensor {
  return tf.sub(1, tf.square(output))
}
