import type { Metric } from '@tempered/train'
import { type MeasureName, measureInfo } from './catalogue.js'
import type { MeasureInfo } from './measure-info.js'

const OF_METRIC: readonly MeasureName[] = ['worstHonestMetric', 'meanHonestMetric', 'bestHonestMetric']

/**
 * A measure as it is shown where all runs have the same metric: those of "the task's first metric" then have its name,
 * its unit and its direction. Where that is accuracy, measures of their own have them.
 */
export function measureInfoFor(name: MeasureName, metric: Metric): MeasureInfo {
  const info = measureInfo(name)
  if (metric.name === 'accuracy' || !OF_METRIC.includes(name)) return info
  return {
    ...info,
    label: `${info.label}, ${metric.label}`,
    unit: metric.unit,
    better: metric.better === 'higher' ? 'high' : 'low',
  }
}

/** `MAE (lower is better)`. */
export function directedLabel({ label, better }: Metric): string {
  return `${label} (${better} is better)`
}
