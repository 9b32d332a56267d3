import { percent } from '../text/format.js'
import type { Estimate } from './bootstrap.js'
import { estimateText, lostText, pointsText, ratioText } from './measure-text.js'
import type { Tradeoff } from './tradeoff.js'

export interface TradeoffLine {
  readonly label: string
  readonly estimate: Estimate | null
  /** A value with its unit. */
  format(value: number): string
  /** The estimate with its unit and interval. */
  readonly text: string
  /** Whether it is a share or a difference of shares, which pictures can compare. */
  readonly isShare: boolean
}

/** What the defence bought, line by line; figures that were not measured have the text `–`. */
export function benefitLines({ benefit }: Tradeoff): TradeoffLine[] {
  return [
    line('worst honest node under attack', benefit.worstGained, pointsText),
    line('mean of honest nodes under attack', benefit.meanGained, pointsText),
    line('attack success prevented', benefit.asrPrevented, pointsText),
  ]
}

/**
 * What was paid for it.
 *
 * @param isSimulated whether seconds are virtual, in which a rule takes no time; its own work is measured all the same
 */
export function costLines({ cost }: Tradeoff, isSimulated: boolean): TradeoffLine[] {
  const compared = cost.comparedWith === null ? '' : ` (with ${cost.comparedWith})`
  return [
    lossLine('worst honest node lost, nobody attacking', cost.worstLost),
    lossLine('mean of honest nodes lost, nobody attacking', cost.meanLost),
    line('honest models refused, nobody attacking', cost.honestRefused, share),
    line('honest models refused, under attack', cost.honestRefusedAttacked, share),
    { ...line(`bytes${compared}`, cost.bytesRatio, ratioText), isShare: false },
    {
      ...line(`${isSimulated ? 'virtual ' : ''}seconds${compared}`, cost.secondsRatio, ratioText),
      isShare: false,
    },
    workLine(cost),
  ]
}

/** The rule's own work, beside that of plain averaging. */
function workLine({ ruleMs, plainMs }: Tradeoff['cost']): TradeoffLine {
  const work = line('work of the rule per node and round', ruleMs, milliseconds)
  const plain = plainMs === null ? '' : `, of plain averaging ${milliseconds(plainMs.mean)}`
  return { ...work, text: `${work.text}${ruleMs === null ? '' : plain}`, isShare: false }
}

/** A loss below zero says that it is none. */
function lossLine(label: string, estimate: Estimate | null): TradeoffLine {
  const loss = line(label, estimate, lostText)
  const isGain = estimate !== null && lostText(estimate.mean).startsWith('−')
  return isGain ? { ...loss, text: `${loss.text}, a gain` } : loss
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}

function share(value: number): string {
  return percent(value)
}

function line(label: string, estimate: Estimate | null, text: (value: number) => string): TradeoffLine {
  return { label, estimate, format: text, text: estimateText(estimate, text), isShare: true }
}
