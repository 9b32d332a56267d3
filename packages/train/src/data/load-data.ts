/** From the name of a data source to samples that a task takes. */

import type { OpenTask } from '../task/task.js'
import { DataError } from './data-error.js'
import type { DataSource } from './dataset.js'
import { loadEmbeddedMnist } from './embedded-mnist.js'
import { loadIdxFolder } from './idx.js'

/** Where samples come from. */
export interface SourceSpec {
  /** `mnist` for the embedded digits, or a file or folder. */
  readonly source: string
  /** Test samples: a file or folder of the same form, or the share of the source's samples, in (0, 1). */
  readonly test?: string | number | undefined
  /** Number of classes of images, where the source does not say it. */
  readonly classes?: number | undefined
}

/**
 * Loads a source as numbers. Without a task it must be a set of images with labels. Throws DataError; E_DATA_MISMATCH
 * when the task does not take it.
 */
export async function loadData(spec: SourceSpec, cacheFolder: string, open?: OpenTask): Promise<DataSource> {
  const classes = open?.task.output.type === 'class' ? open.outputs : spec.classes
  const data =
    spec.source === 'mnist'
      ? await loadEmbeddedMnist(cacheFolder)
      : await loadIdxFolder(spec.source, { classes })
  if (open !== undefined) checkFit(spec.source, data, open)
  return data
}

function checkFit(source: string, { train }: DataSource, { inputShape, outputs }: OpenTask): void {
  const found = train.shape.join('×')
  const wanted = inputShape.join('×')
  if (found === wanted && train.classes <= outputs) return
  throw new DataError(
    'E_DATA_MISMATCH',
    `data source ${source} has samples of ${found} in ${train.classes} classes; the run's task takes ${wanted} in ` +
      `${outputs}. Use other data, or make a manifest for these: manifest create --data ${source}`,
  )
}
