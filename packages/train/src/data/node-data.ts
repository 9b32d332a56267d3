import type { DataSource } from './dataset.js'
import { loadEmbeddedMnist } from './embedded-mnist.js'
import { loadIdxFolder } from './idx.js'
import { type PartitionScheme, partitionPart } from './partition.js'

/**
 * Loads `mnist` (the embedded digits, converted once into `cacheFolder`) or a folder with IDX files. Own data has the
 * given number of classes, or as many as its labels need.
 */
export function loadSource(
  source: string,
  cacheFolder: string,
  { classes }: { readonly classes?: number | undefined } = {},
): Promise<DataSource> {
  return source === 'mnist' ? loadEmbeddedMnist(cacheFolder) : loadIdxFolder(source, { classes })
}

/** One node's share of a source: part `part` of `parts` under a scheme, or all of it without one. */
export interface DataShare {
  readonly scheme: PartitionScheme | undefined
  readonly part: number
  readonly parts: number
  readonly seed: number
}

/** Indices of the training samples of a share. Throws DataError. */
export function shareIndices(source: DataSource, share: DataShare): Uint32Array {
  const { labels, classes } = source.train
  if (share.scheme === undefined) return Uint32Array.from(labels.keys())
  return partitionPart(
    { labels, classes, nodes: share.parts, scheme: share.scheme, seed: share.seed },
    share.part,
  )
}
