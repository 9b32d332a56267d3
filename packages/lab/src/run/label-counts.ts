import { type DataSource, histogram, partition, splitLabels } from '@tempered/train'
import type { RunPlan } from '../scenario/plan.js'

/** Samples of each class that each node has, by its name. */
export type LabelCounts = Readonly<Record<string, readonly number[]>>

/**
 * How many training samples of each class a plan deals to each node; none for a node whose trainer has its own data.
 * Attacks on data change labels afterwards.
 */
export function labelCounts(
  { run, nodes, partition: scheme }: RunPlan,
  train: DataSource['train'] | undefined,
): LabelCounts {
  if (train === undefined) return Object.fromEntries(nodes.map(({ name }) => [name, []]))
  const { labels, classes } = splitLabels(train)
  const parts = partition({ labels, classes, nodes: nodes.length, scheme, seed: run.manifest.seed })
  return Object.fromEntries(
    nodes.map(({ name, index, trainer }) => [
      name,
      trainer === undefined ? [...histogram(labels, parts[index]!, classes)] : [],
    ]),
  )
}
