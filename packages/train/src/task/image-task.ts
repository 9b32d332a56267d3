import type { Dataset } from '../data/dataset.js'
import type { BuiltInModel } from './built-in-models.js'
import { type OpenTask, resolveTask } from './task.js'

/**
 * The task of a run that names only a built-in model: classify images of this data set, bytes scaled to [0, 1].
 * Throws TrainError E_MODEL_SHAPE when the model does not take them.
 */
export function imageTask(
  model: BuiltInModel,
  { shape, classes, classNames }: Pick<Dataset, 'shape' | 'classes' | 'classNames'>,
): OpenTask {
  const [height = 1, width = 1, channels = 1] = shape
  return resolveTask({
    task: 'image-classification',
    input: { type: 'image', shape: [height, width, channels] },
    output: { type: 'class', classes: classNames === undefined ? classes : [...classNames] },
    model,
    optimiser: { kind: 'sgd' },
  })
}
