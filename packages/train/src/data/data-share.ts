/** Which training samples of a source are a node's own. */

import { DataError } from './data-error.js'
import { type DataSource, type Dataset, hasLabels, labelsOf } from './dataset.js'
import { type PartitionScheme, partition } from './partition.js'

/** One node's share of a source: part `part` of `parts` under a scheme, or all of it without one. */
export interface DataShare {
  readonly scheme: PartitionScheme | undefined
  readonly part: number
  readonly parts: number
  readonly seed: number
}

/** Indices of the training samples of a share. Throws DataError. */
export function shareIndices(source: DataSource, share: DataShare): Uint32Array {
  const { train } = source
  if (share.scheme === undefined) return Uint32Array.from({ length: train.count }, (_, index) => index)
  const { scheme, part, parts: nodes, seed } = share
  const key = JSON.stringify([scheme, nodes, seed])
  let last = dealt.get(train)
  if (last?.key !== key) {
    last = { key, parts: partition({ ...splitLabels(train), nodes, scheme, seed }) }
    dealt.set(train, last)
  }
  const own = last.parts[part]
  if (own === undefined)
    throw new DataError('E_PARTITION', `part must be an integer in [0, ${nodes - 1}], got ${part}`)
  return own
}

/** How each data set was dealt last: all nodes of a process take their parts of the same deal. */
const dealt = new WeakMap<Dataset, { readonly key: string; readonly parts: readonly Uint32Array[] }>()

/** Groups into which numbers are divided where a split needs labels. */
const NUMBER_GROUPS = 10

/**
 * Labels by which a data set is dealt: its own; for numbers to predict, ten groups of equal size by the first of them;
 * otherwise one label for all.
 */
export function splitLabels(dataset: Dataset): { labels: Uint8Array | Int32Array; classes: number } {
  const { targets, count, classes } = dataset
  if (hasLabels(dataset)) return { labels: labelsOf(dataset), classes }
  const labels = new Int32Array(count)
  if (targets.length === 0 || count === 0) return { labels, classes: 1 }
  const width = targets.length / count
  const order = Uint32Array.from(labels.keys()).sort(
    (a, b) => (targets[a * width] as number) - (targets[b * width] as number) || a - b,
  )
  order.forEach((sample, rank) => {
    labels[sample] = Math.floor((rank * NUMBER_GROUPS) / count)
  })
  return { labels, classes: NUMBER_GROUPS }
}
