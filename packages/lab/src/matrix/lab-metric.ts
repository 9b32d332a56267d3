import { type Metric, resolveTask } from '@tempered/train'
import { givenTask } from '../documents/task-file.js'
import { ACCURACY_FACTS } from '../measures/task-facts.js'
import type { Lab } from './lab-schema.js'

/** By which all cells of a lab are judged: the first metric of its task; without a task, accuracy. */
export function labMetric({ scenario }: Pick<Lab, 'scenario'>): Metric {
  const task = givenTask(scenario)
  return task === undefined ? ACCURACY_FACTS.metric : resolveTask(task).primary
}
