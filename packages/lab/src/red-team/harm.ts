import type { Metric } from '@tempered/train'
import type { Measures } from '../measures/catalogue.js'
import { metricText } from '../measures/metric-text.js'

/**
 * What an attack has done to the worst honest node, as a number that is larger for more harm: its error where the metric
 * is one, else 1 − its metric; metrics of which more is better are in [0, 1]. null where no model was evaluated.
 */
export function harmOf({ better }: Metric, { worstHonestMetric }: Measures): number | null {
  if (worstHonestMetric === null) return null
  return better === 'lower' ? worstHonestMetric : 1 - worstHonestMetric
}

/** What the number is, for the head of a table. */
export function harmTitle({ name, label, better }: Metric): string {
  if (name === 'accuracy') return 'worst honest test error'
  return better === 'lower' ? `worst honest test ${label}` : `1 − worst honest test ${label}`
}

/** Accuracy errors in percent, others with four digits. */
export function harmText(metric: Metric, harm: number | null): string {
  return metricText(metric, harm)
}
