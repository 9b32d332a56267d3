import { counted } from '@tempered/errors'
import type { DataSource } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import { LabError } from '../errors.js'

/** Throws E_CONFIG unless the run's model takes the images and classes of a source. */
export function checkDataShape(run: Run, source: DataSource, name: string): void {
  const { height, width, channels } = source.train.shape
  const wanted = run.manifest.model.inputShape.join('×')
  const found = `${height}×${width}×${channels}`
  if (wanted === found && source.train.classes <= run.manifest.model.classes) return
  throw new LabError(
    'E_CONFIG',
    `data source ${name} has ${found} images of ${counted(source.train.classes, 'class', 'classes')}; the run's model takes ${wanted} and ` +
      `${run.manifest.model.classes} classes. Use other data, or make a manifest for these: manifest create --data ${name}`,
  )
}
