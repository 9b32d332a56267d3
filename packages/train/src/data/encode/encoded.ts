/** Samples as the numbers of a task, from any format. */

import type { Shape } from '../../task/operation.js'
import { createDataset, type DataSource, type Dataset } from '../dataset.js'
import type { SampleStore } from './sample-store.js'
import { drawTest } from './test-share.js'

/** One part of a source, encoded. */
export interface Encoded {
  readonly name: string
  readonly shape: Shape
  readonly inputs: SampleStore
  /** Undefined for next-token. */
  readonly targets: SampleStore | undefined
  readonly classes: number
  readonly classNames?: readonly string[] | undefined
  /** Number of the row of each sample, where rows may give several samples. */
  readonly rows?: readonly number[] | undefined
}

/** All samples as a dataset, or those of `order`. Throws E_DATA_MISMATCH, E_LABEL_RANGE. */
export function toDataset(part: Encoded, order?: Uint32Array): Dataset {
  const { name, shape, inputs, targets, classes, classNames } = part
  return createDataset({
    name,
    shape,
    classes,
    classNames,
    inputs: inputs.gather(order),
    targets: targets?.gather(order) ?? new Float32Array(0),
  })
}

/** Divides samples into training and test, see {@link drawTest}. */
export function shareTest(part: Encoded, share: number): DataSource {
  const { inputs, targets, classes, rows } = part
  const labels = classes > 0 ? (targets?.gather() as Uint8Array | Int32Array | undefined) : undefined
  const test = drawTest(inputs.count, share, labels, rows)
  const pick = (wanted: 0 | 1): Uint32Array =>
    Uint32Array.from(test.keys()).filter((sample) => test[sample] === wanted)
  return { train: toDataset(part, pick(0)), test: toDataset(part, pick(1)) }
}
