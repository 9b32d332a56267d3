import { type Estimate, estimateText } from '@tempered/lab/measures'
import { html, type Markup } from './markup.js'

/** A table cell with a mean and its interval below. */
export function estimateCell(estimate: Estimate | null, text: (value: number) => string): Markup {
  if (estimate === null) return html`<td class="number">–</td>`
  const { mean, low, high } = estimate
  const interval = low === null || high === null ? null : html`<small>${intervalText(estimate, text)}</small>`
  return html`<td class="number">${text(mean)}${interval}</td>`
}

/** `[80.1 %, 84.0 %]`, empty without an interval. */
export function intervalText(estimate: Estimate, text: (value: number) => string): string {
  return estimateText(estimate, text).slice(text(estimate.mean).length).trim()
}
