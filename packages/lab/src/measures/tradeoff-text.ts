import type { Metric } from '@tempered/train'
import { percent } from '../text/format.js'
import type { Estimate } from './bootstrap.js'
import { estimateText, lostText, pointsText, ratioText } from './measure-text.js'
import { MEASURES } from './measures.js'
import type { Tradeoff } from './tradeoff.js'

export interface TradeoffLine {
  readonly label: string
  readonly estimate: Estimate | null
  /** A value with its unit. */
  format(value: number): string
  /** The estimate with its unit and interval. */
  readonly text: string
  /** Which figures a chart may show on one axis: differences in percentage points, shares of a whole, or neither. */
  readonly scale: 'points' | 'share' | 'other'
}

/** The benefit of the defence, line by line. Figures that were not measured have the text `–`. */
export function benefitLines({ benefit, metric }: Tradeoff): TradeoffLine[] {
  const gained = metric.unit === 'share' ? pointsText : signedText
  const of = metric.unit === 'share' ? '' : `, ${metric.label} better by`
  return [
    metricLine(`${nameOf('worstHonestMetric')} under attack${of}`, benefit.worstGained, gained, metric),
    metricLine(`${nameOf('meanHonestMetric')} under attack${of}`, benefit.meanGained, gained, metric),
    line('attack success prevented', benefit.asrPrevented, pointsText),
  ]
}

/**
 * The cost of the defence, line by line.
 *
 * @param isSimulated whether seconds are virtual. Rules take no virtual time, but their real computation time is still
 * measured
 */
export function costLines({ cost, metric }: Tradeoff, isSimulated: boolean): TradeoffLine[] {
  const compared = cost.comparedWith === null ? '' : ` (with ${cost.comparedWith})`
  const relative = `relative to plain averaging${compared}`
  return [
    lossLine(`${nameOf('worstHonestMetric')}, loss without attackers`, cost.worstLost, metric),
    lossLine(`${nameOf('meanHonestMetric')}, loss without attackers`, cost.meanLost, metric),
    { ...line(`${nameOf('honestRefused')} without attackers`, cost.honestRefused, share), scale: 'share' },
    { ...line(`${nameOf('honestRefused')} under attack`, cost.honestRefusedAttacked, share), scale: 'share' },
    { ...line(`bytes, ${relative}`, cost.bytesRatio, ratioText), scale: 'other' },
    {
      ...line(`${isSimulated ? 'virtual ' : ''}seconds per round, ${relative}`, cost.secondsRatio, ratioText),
      scale: 'other',
    },
    workLine(cost),
  ]
}

/** What to keep in mind about seconds; undefined where none were compared. */
export function secondsNote({ cost }: Tradeoff, isSimulated: boolean): string | undefined {
  if (cost.secondsRatio === null && cost.ruleMs === null) return undefined
  return isSimulated
    ? 'Virtual seconds leave out computation. The computation time of the rule is real, but all simulated nodes and runs share the cores of this machine, which makes it longer.'
    : 'All nodes and all parallel runs share the cores of this machine, so seconds say little about nodes on machines of their own.'
}

/** The computation time of the rule, and that of plain averaging. */
function workLine({ ruleMs, plainMs }: Tradeoff['cost']): TradeoffLine {
  const work = line('computation time of the rule per node and round', ruleMs, milliseconds)
  const plain = plainMs === null ? '' : `, plain averaging ${milliseconds(plainMs.mean)}`
  return { ...work, text: `${work.text}${ruleMs === null ? '' : plain}`, scale: 'other' }
}

/** How a loss of a metric is written: percentage points of a share, else the metric's own numbers. */
export function lossTextOf({ unit }: Metric): (value: number) => string {
  return unit === 'share' ? lostText : plainText
}

/** A negative loss is marked as a gain. */
function lossLine(label: string, estimate: Estimate | null, metric: Metric): TradeoffLine {
  const text = lossTextOf(metric)
  const loss = metricLine(label, estimate, text, metric)
  const isGain = estimate !== null && text(estimate.mean).startsWith('−')
  return isGain ? { ...loss, text: `${loss.text}, a gain` } : loss
}

/** A line in percentage points for shares, else in the metric's own numbers, which have an axis of their own. */
function metricLine(
  label: string,
  estimate: Estimate | null,
  text: (value: number) => string,
  { unit }: Metric,
): TradeoffLine {
  return { ...line(label, estimate, text), scale: unit === 'share' ? 'points' : 'other' }
}

function plainText(value: number): string {
  return `${value < 0 ? '−' : ''}${Number(Math.abs(value).toPrecision(3))}`
}

function signedText(value: number): string {
  return value > 0 ? `+${plainText(value)}` : plainText(value)
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}

function share(value: number): string {
  return percent(value)
}

function line(label: string, estimate: Estimate | null, text: (value: number) => string): TradeoffLine {
  return { label, estimate, format: text, text: estimateText(estimate, text), scale: 'points' }
}

function nameOf(measure: keyof typeof MEASURES): string {
  return MEASURES[measure].label
}

/** Why figures are missing, in one sentence; undefined where no runs had to be left out. */
export function unequalText({ rule, unequalSeeds }: Tradeoff): string | undefined {
  if (unequalSeeds.length === 0) return undefined
  const seeds = `${unequalSeeds.length === 1 ? 'seed' : 'seeds'} ${unequalSeeds.join(', ')}`
  return `${rule}, ${seeds}: the runs were scored after different rounds, so their results are not compared.`
}
