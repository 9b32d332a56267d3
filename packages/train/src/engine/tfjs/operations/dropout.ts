import type { Tensor } from '@tensorflow/tfjs-core'
import type { DropoutOperation } from '../../../task/operation.js'
import { dropoutFactors, dropoutKey } from '../../dropout-hash.js'
import type { Applied, Workspace } from './applied.js'

/** `index`: as `dropoutKey` wants it. */
export function applyDropout(
  { rate }: DropoutOperation,
  x: Tensor,
  { backend: { tf }, seed }: Workspace,
  index: number,
): Applied {
  if (seed === undefined) return { output: x, backward: (upper) => () => upper }
  const factors = tf.tensor(dropoutFactors(x.size, dropoutKey(seed, index), rate), x.shape)
  return { output: tf.mul(x, factors), backward: (upper) => () => tf.mul(upper, factors) }
}
