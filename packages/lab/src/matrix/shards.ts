import { LabError } from '../errors.js'

/** One of `count` parts of a matrix, numbered from 1. */
export interface Shard {
  readonly index: number
  readonly count: number
}

/** Reads `3/10`. Throws E_USAGE. */
export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  const shard = { index: Number(index), count: Number(count) }
  if (index === undefined || shard.index < 1 || shard.index > shard.count)
    throw new LabError(
      'E_USAGE',
      `--shard ${text}: write part/parts, with parts counted from 1, such as 3/10`,
    )
  return shard
}

/**
 * The items of a shard: every `count`-th, from the `index`-th on. Neighbours in a matrix take about the same time, so
 * shards take turns; the same lab gives the same shards everywhere.
 */
export function shardOf<T>(items: readonly T[], { index, count }: Shard): T[] {
  return items.filter((_, position) => position % count === index - 1)
}
