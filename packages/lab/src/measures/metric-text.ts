import type { Metric } from '@tempered/train'
import { percent } from '../text/format.js'

/** A value of a metric, as people read it: accuracy in percent, others with four digits. */
export function metricText({ unit }: Metric, value: number | null | undefined): string {
  if (unit === 'share') return percent(value)
  return value === null || value === undefined ? '–' : String(Number(value.toPrecision(4)))
}
