import type { EChartsOption } from 'echarts'
import { numberAxis, shareAxis } from './axes.js'
import { type Palette, percentText, shortNumber } from './charts.js'
import type { MetricView } from './report-data.js'

/** How charts show the metric of a run: accuracy in percent from 0 to 1, others as numbers. */

export function metricText({ isShare }: MetricView, value: number | null | undefined): string {
  if (isShare) return percentText(value)
  return value === null || value === undefined ? '–' : shortNumber(value)
}

export function metricAxis({ isShare }: MetricView, colors: Palette): NonNullable<EChartsOption['yAxis']> {
  return isShare ? shareAxis(colors) : numberAxis(colors, shortNumber)
}

/** Values as parts of the height of the axis: shares as they are, others of the largest. */
export function onAxis({ isShare }: MetricView, values: readonly (number | null)[]): (number | null)[] {
  const top = isShare ? 1 : Math.max(1e-30, ...values.map((value) => value ?? 0))
  return values.map((value) => (value === null ? null : value / top))
}

/** `Test accuracy`, `Test MAE (lower is better)`. */
export function metricTitle({ label, isHigherBetter }: MetricView): string {
  return `Test ${label}${isHigherBetter ? '' : ' (lower is better)'}`
}
