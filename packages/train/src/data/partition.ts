/**
 * Splits of the training samples over n nodes. Every scheme is a function of (labels, classes, nodes, scheme, seed)
 * alone; every sample is used exactly once and every node gets at least one.
 */

import { createRng, type Rng } from '@tempered/robust-agg/rng'
import { DataError } from './data-error.js'

export type PartitionScheme =
  /** Shuffled and dealt: sizes differ by at most one. */
  | { kind: 'iid' }
  /**
   * Fang, Cao, Jia, Gong, "Local Model Poisoning Attacks to Byzantine-Robust Federated Learning", USENIX Security
   * 2020, section 4.1. Nodes are divided into G = min(nodes, classes) groups (node i in group i mod G, so sizes
   * differ by at most one). A sample with label y goes to group y mod G with probability `degree` in [0, 1], to each
   * other group with (1 − degree)/(G − 1), and within the group to its nodes in turn. degree = 1/G is iid, 1 is one
   * group per label. Deviation: with fewer nodes than classes, groups share labels by y mod G.
   */
  | { kind: 'label-groups'; degree: number }
  /**
   * Hsu, Qi, Brown, "Measuring the Effects of Non-Identical Data Distribution", 2019: of every class, node i gets
   * the share p_i with p ~ Dirichlet(alpha·1). alpha > 0; small is skewed, large is iid.
   */
  | { kind: 'dirichlet'; alpha: number }
  /**
   * McMahan et al., "Communication-Efficient Learning of Deep Networks", AISTATS 2017: sorted by label, cut into
   * nodes·perNode shards whose sizes differ by at most one, perNode random shards per node. perNode ≥ 1.
   */
  | { kind: 'shards'; perNode: number }
  /**
   * Group g of G gets the labels from ⌊g·classes/G⌋ up to ⌊(g + 1)·classes/G⌋ − 1, dealt to its nodes as with iid.
   * Every node is in exactly one group, no group is empty, G ≤ classes.
   */
  | { kind: 'by-group'; groups: readonly (readonly number[])[] }

export interface PartitionRequest {
  /** Labels of the training samples, each below `classes`. */
  labels: Uint8Array | Int32Array
  classes: number
  /** Number of nodes, at least 1 and at most the number of samples. */
  nodes: number
  scheme: PartitionScheme
  seed: number | string
}

function refuse(message: string): never {
  throw new DataError('E_PARTITION', message)
}

function byClass(labels: Uint8Array | Int32Array, classes: number): number[][] {
  const lists: number[][] = Array.from({ length: classes }, () => [])
  labels.forEach((label, index) => {
    const list = lists[label]
    if (list === undefined) {
      throw new DataError('E_LABEL_RANGE', `label ${label} of sample ${index} is not below ${classes}`)
    }
    list.push(index)
  })
  return lists
}

function dealIid(count: number, parts: number[][], rng: Rng): void {
  const order = rng.shuffle(Uint32Array.from({ length: count }, (_, index) => index))
  order.forEach((sample, k) => {
    parts[k % parts.length]?.push(sample)
  })
}

function dealLabelGroups(
  labels: Uint8Array | Int32Array,
  classes: number,
  degree: number,
  parts: number[][],
  rng: Rng,
): void {
  if (!(degree >= 0 && degree <= 1)) refuse(`label-groups: degree must be in [0, 1], got ${degree}`)
  const groups = Math.min(parts.length, classes)
  const members: number[][][] = Array.from({ length: groups }, (_, g) =>
    parts.filter((_part, i) => i % groups === g),
  )
  const turns = new Uint32Array(groups)
  // The turn starts at a random member, otherwise the first nodes would get the odd samples every time.
  for (let g = 0; g < groups; g++) turns[g] = rng.integer((members[g] as number[][]).length)
  const order = rng.shuffle(Uint32Array.from({ length: labels.length }, (_, index) => index))
  for (const sample of order) {
    const own = (labels[sample] as number) % groups
    let group = own
    if (groups > 1 && rng.uniform() >= degree) group = (own + 1 + rng.integer(groups - 1)) % groups
    const nodes = members[group] as number[][]
    const turn = turns[group] as number
    nodes[turn % nodes.length]?.push(sample)
    turns[group] = turn + 1
  }
}

function dealDirichlet(lists: number[][], alpha: number, parts: number[][], rng: Rng): void {
  if (!(alpha > 0 && Number.isFinite(alpha)))
    refuse(`dirichlet: alpha must be a number above 0, got ${alpha}`)
  for (const list of lists) {
    rng.shuffle(list)
    const weights = parts.map(() => rng.gamma(alpha))
    let total = weights.reduce((sum, weight) => sum + weight, 0)
    if (!(total > 0)) {
      // All draws underflowed (alpha near 0): the limit of the distribution is one node that gets everything.
      weights.fill(0)
      weights[rng.integer(parts.length)] = 1
      total = 1
    }
    let before = 0
    let start = 0
    parts.forEach((part, i) => {
      before += weights[i] as number
      const end = i === parts.length - 1 ? list.length : Math.floor((before / total) * list.length)
      for (let k = start; k < end; k++) part.push(list[k] as number)
      start = Math.max(start, end)
    })
  }
}

function dealShards(lists: number[][], perNode: number, parts: number[][], rng: Rng): void {
  if (!Number.isInteger(perNode) || perNode < 1)
    refuse(`shards: perNode must be an integer above 0, got ${perNode}`)
  const sorted = lists.flatMap((list) => rng.shuffle(list))
  const shards = parts.length * perNode
  if (shards > sorted.length) {
    refuse(
      `shards: ${parts.length} nodes × ${perNode} shards need ${shards} samples, but there are ${sorted.length}`,
    )
  }
  const order = rng.shuffle(Uint32Array.from({ length: shards }, (_, shard) => shard))
  order.forEach((shard, k) => {
    const start = Math.floor((shard * sorted.length) / shards)
    const end = Math.floor(((shard + 1) * sorted.length) / shards)
    for (let s = start; s < end; s++) parts[k % parts.length]?.push(sorted[s] as number)
  })
}

function dealByGroup(
  lists: number[][],
  groups: readonly (readonly number[])[],
  parts: number[][],
  rng: Rng,
): void {
  const seen = new Set(groups.flat())
  const named = groups.reduce((sum, group) => sum + group.length, 0)
  const all = parts.every((_part, node) => seen.has(node))
  if (!all || named !== parts.length || groups.some((group) => group.length === 0)) {
    refuse(
      `by-group: every node, 0 … ${parts.length - 1}, must be in exactly one group, and no group may be empty`,
    )
  }
  if (groups.length > lists.length)
    refuse(`by-group: ${groups.length} groups cannot each have their own labels with ${lists.length} classes`)
  groups.forEach((group, g) => {
    const from = Math.floor((g * lists.length) / groups.length)
    const to = Math.floor(((g + 1) * lists.length) / groups.length)
    const samples = rng.shuffle(lists.slice(from, to).flat())
    samples.forEach((sample, k) => {
      parts[group[k % group.length] as number]?.push(sample)
    })
  })
}

/** Gives every empty node one sample of the node with the most samples at that moment (the first of equals). */
function fillEmpty(parts: number[][]): void {
  for (const part of parts) {
    if (part.length > 0) continue
    const richest = parts.reduce((best, candidate) => (candidate.length > best.length ? candidate : best))
    part.push(richest.pop() as number)
  }
}

/**
 * Indices of the samples of each node, ascending. Throws DataError E_PARTITION for more nodes than samples or a
 * parameter out of range, E_LABEL_RANGE for a label that is not below `classes`.
 */
export function partition(request: PartitionRequest): Uint32Array[] {
  const { labels, classes, nodes, scheme, seed } = request
  if (!Number.isInteger(nodes) || nodes < 1) refuse(`nodes must be an integer above 0, got ${nodes}`)
  if (nodes > labels.length)
    refuse(`${nodes} nodes cannot share ${labels.length} samples: use fewer nodes or more data`)
  const rng = createRng(seed, 'partition', scheme.kind)
  const parts: number[][] = Array.from({ length: nodes }, () => [])
  const lists = byClass(labels, classes)
  switch (scheme.kind) {
    case 'iid':
      dealIid(labels.length, parts, rng)
      break
    case 'label-groups':
      dealLabelGroups(labels, classes, scheme.degree, parts, rng)
      break
    case 'dirichlet':
      dealDirichlet(lists, scheme.alpha, parts, rng)
      break
    case 'shards':
      dealShards(lists, scheme.perNode, parts, rng)
      break
    case 'by-group':
      dealByGroup(lists, scheme.groups, parts, rng)
      break
  }
  fillEmpty(parts)
  return parts.map((part) => Uint32Array.from(part).sort())
}

/** How often each class occurs among `indices`; length `classes`. */
export function histogram(
  labels: Uint8Array | Int32Array,
  indices: Uint32Array,
  classes: number,
): Uint32Array {
  const counts = new Uint32Array(classes)
  for (const index of indices) {
    const label = labels[index]
    if (label === undefined || label >= classes) {
      throw new DataError(
        'E_LABEL_RANGE',
        `sample ${index} has label ${label}, expected one below ${classes}`,
      )
    }
    counts[label] = (counts[label] as number) + 1
  }
  return counts
}
