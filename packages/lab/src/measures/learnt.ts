import { highLoss } from '@tempered/node'
import { type Metric, metricOf, openTask } from '@tempered/train'

/** What a run learns, as far as its measures need it. */
export interface Learnt {
  /** The task's first metric, by which nodes are judged. */
  readonly metric: Metric
  /** Training loss above which a node trains in vain; undefined where the task has none. */
  readonly highLoss?: number | undefined
}

/** Of a run whose task is not known. */
export const UNKNOWN_TASK: Learnt = { metric: metricOf('accuracy') }

/** From the task of a manifest; runs of other releases may have one that cannot be read. */
export function learntOf(task: unknown): Learnt {
  try {
    const open = openTask(task)
    return { metric: open.primary, highLoss: highLoss(open) }
  } catch {
    return UNKNOWN_TASK
  }
}

/** Whether `a` is worse than `b` by this metric. */
export function isWorse({ better }: Metric, a: number, b: number): boolean {
  return better === 'higher' ? a < b : a > b
}
