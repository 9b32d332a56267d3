import { bytes, decimal, percent, seconds } from '../text/format.js'
import type { Estimate } from './bootstrap.js'
import { type MeasureName, measureInfo } from './catalogue.js'
import type { MeasureUnit } from './measure-info.js'

/** A measure's value with its unit; shares are percentages with `digits` decimals. */
export function measureText(name: MeasureName, value: number | null, digits = 1): string {
  return unitText(measureInfo(name).unit, value, digits)
}

/** A value in the unit of a measure. */
export function unitText(unit: MeasureUnit, value: number | null, digits = 1): string {
  switch (unit) {
    case 'share':
      return percent(value, digits)
    case 'bytes':
      return bytes(value)
    case 'seconds':
      return seconds(value)
    case 'milliseconds':
      return `${decimal(value)} ms`
    case 'number':
      return decimal(value, digits + 2)
    case 'count':
      return value === null ? '–' : String(Number(value.toFixed(1)))
  }
}

/** `82.6 % [80.1 %, 84.0 %]`, without brackets where there is no interval. */
export function estimateText(estimate: Estimate | null, text: (value: number) => string): string {
  if (estimate === null) return '–'
  const { mean, low, high } = estimate
  return low === null || high === null ? text(mean) : `${text(mean)} [${text(low)}, ${text(high)}]`
}

/** Difference of two shares in percentage points, with its sign: `+62.9 pp`. */
export function pointsText(value: number): string {
  const points = lostText(value)
  return value > 0 && !points.startsWith('0.0') ? `+${points}` : points
}

/** The same for a loss, without a plus sign: `5.3 pp`; `−1.1 pp` is a gain. */
export function lostText(value: number): string {
  const points = Math.abs(100 * value).toFixed(1)
  return `${value < 0 && points !== '0.0' ? '−' : ''}${points} pp`
}

/** `1.08×`. */
export function ratioText(value: number): string {
  return `${value.toFixed(2)}×`
}
