/** Samples as the numbers of a task, from any format. */

import type { Shape } from '../../task/operation.js'
import { createAnyDataset, type DataSource, type Dataset, type Inputs, toShared } from '../dataset.js'
import type { RowNumbers } from '../row-file.js'
import type { ArrayStore, SampleStore } from './sample-store.js'
import { drawTest } from './test-share.js'

/** One part of a source, encoded. */
export interface Encoded {
  readonly name: string
  readonly shape: Shape
  readonly inputs: SampleStore
  /** Undefined for next-token. */
  readonly targets: ArrayStore | undefined
  readonly classes: number
  readonly classNames?: readonly string[] | undefined
  /** The row of each sample, where rows may give several samples or the caller wants to know it. */
  readonly rows?: ArrayLike<number> | undefined
}

/** All samples as a dataset. Throws E_DATA_MISMATCH, E_LABEL_RANGE, E_DATA_LOST. */
export async function toDataset(part: Encoded): Promise<Dataset> {
  return dataset(part, part.inputs.all(), part.targets?.all())
}

async function dataset(part: Encoded, inputs: Inputs, targets: RowNumbers | undefined): Promise<Dataset> {
  const { name, shape, classes, classNames } = part
  return createAnyDataset({
    name,
    shape,
    classes,
    classNames,
    inputs,
    targets: targets ?? new Float32Array(0),
  })
}

/** Divides samples into training and test, see {@link drawTest}. Throws as {@link toDataset}. */
export async function shareTest(part: Encoded, share: number): Promise<DataSource> {
  const { inputs, targets, classes, rows } = part
  const labels = classes > 0 ? targets?.peek() : undefined
  const test = drawTest(inputs.count, share, labels, rows)
  const orders = [samplesMarked(test, 0), samplesMarked(test, 1)]
  const [own, drawn] = inputs.deal(orders) as [Inputs, Inputs]
  const [ownTargets, drawnTargets] = targets?.deal(orders) ?? []
  return { train: await dataset(part, own, ownTargets), test: await dataset(part, drawn, drawnTargets) }
}

/** Numbers of the samples with a mark, ascending, in shared memory. */
function samplesMarked(marks: Uint8Array, wanted: 0 | 1): Uint32Array {
  let count = 0
  for (const mark of marks) if (mark === wanted) count++
  const samples = toShared(new Uint32Array(count))
  let at = 0
  for (let k = 0; k < marks.length; k++) if (marks[k] === wanted) samples[at++] = k
  return samples
}
