import { bytes, decimal, percent, seconds } from '../text/format.js'
import type { Estimate } from './bootstrap.js'
import type { MeasureName } from './measures.js'

/** Short names of the measures, for tables. */
export const MEASURE_LABELS: Readonly<Record<MeasureName, string>> = {
  worstHonestAccuracy: 'worst honest node',
  meanHonestAccuracy: 'mean of honest nodes',
  bestHonestAccuracy: 'best honest node',
  mter: 'maximum test error (MTER)',
  accuracySpread: 'spread of honest nodes (SD)',
  asr: 'attack success rate',
  consensusDistance: 'consensus distance (squared L2)',
  precision: 'filter precision',
  recall: 'filter recall',
  acceptance: 'models accepted',
  honestRefused: 'honest models refused',
  hostileWeight: 'weight of attackers in aggregates',
  bytesPerRound: 'bytes a node and round',
  secondsPerRound: 'seconds a round',
  aggregateMs: 'work of the rule a round',
  residentBytesPerNode: 'resident memory a node',
  finishedHonest: 'honest nodes that finished',
}

/** A measure's value with its unit; shares are percentages with so many digits. */
export function measureText(name: MeasureName, value: number | null, digits = 1): string {
  switch (name) {
    case 'bytesPerRound':
    case 'residentBytesPerNode':
      return bytes(value)
    case 'secondsPerRound':
      return seconds(value)
    case 'aggregateMs':
      return `${decimal(value)} ms`
    case 'consensusDistance':
      return decimal(value, digits + 2)
    case 'finishedHonest':
      return value === null ? '–' : String(Number(value.toFixed(1)))
    default:
      return percent(value, digits)
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

/** The same for a loss, which is told by its name and not by a sign: `5.3 pp`; `−1.1 pp` is a gain. */
export function lostText(value: number): string {
  const points = Math.abs(100 * value).toFixed(1)
  return `${value < 0 && points !== '0.0' ? '−' : ''}${points} pp`
}

/** `1.08×`. */
export function ratioText(value: number): string {
  return `${value.toFixed(2)}×`
}
