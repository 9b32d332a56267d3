import { highLoss } from '@tempered/node'
import { type Metric, metricOf, openTask } from '@tempered/train'
import { percent } from '../text/format.js'

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

/** A value of a metric, as people read it: accuracy in percent, others with four digits. */
export function metricText({ unit }: Metric, value: number | null | undefined): string {
  if (unit === 'share') return percent(value)
  return value === null || value === undefined ? '–' : String(Number(value.toPrecision(4)))
}
