import { highLoss } from '@tempered/node'
import { type Metric, metricOf, openTask } from '@tempered/train'

/** What the measures of a run need to know of its task. */
export interface TaskFacts {
  /** The task's first metric, by which nodes are judged. */
  readonly metric: Metric
  /** Training loss above which a node trains in vain; undefined where the task has none. */
  readonly highLoss?: number | undefined
}

/** Of a run whose task is not known: runs of releases that recorded none were judged by accuracy. */
export const ACCURACY_FACTS: TaskFacts = { metric: metricOf('accuracy') }

/** From the task of a manifest; runs of other releases may have one that cannot be read. */
export function taskFactsOf(task: unknown): TaskFacts {
  try {
    const open = openTask(task)
    return { metric: open.primary, highLoss: highLoss(open) }
  } catch {
    return ACCURACY_FACTS
  }
}
