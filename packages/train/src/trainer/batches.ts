/** The order in which a node's samples are used. */

import { createRng } from '@tempered/robust-agg/rng'

export interface BatchOrder {
  /** Samples per batch: min(batchSize, indices.length). */
  size: number
  /** Fills `out` (length `size`) with the sample numbers of the next batch. */
  next(out: Uint32Array): void
}

/**
 * Minibatches of one round: passes over the node's samples without repetition, each pass in a new random order
 * (Fisher–Yates, drawn as far as needed). Samples that do not fill a last batch are skipped in that pass. The order
 * depends only on (seed, nodeId, round) and the other arguments.
 */
export function createBatchOrder(
  indices: Uint32Array,
  batchSize: number,
  stream: { seed: string | number; nodeId: string | number; round: number },
): BatchOrder {
  const rng = createRng(stream.seed, 'batches', stream.nodeId, stream.round)
  const order = indices.slice()
  const size = Math.min(batchSize, order.length)
  let used = 0
  return {
    size,
    next(out) {
      if (used + size > order.length) used = 0
      for (let k = 0; k < size; k++) {
        const other = used + rng.integer(order.length - used)
        const sample = order[other] as number
        order[other] = order[used] as number
        order[used++] = sample
        out[k] = sample
      }
    },
  }
}
