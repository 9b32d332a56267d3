import {
  type Estimate,
  intervalName,
  lostText,
  type MeasureName,
  metricText,
  type Role,
} from '@tempered/lab/measures'
import { counted, percent } from '@tempered/lab/text'
import { intervalText } from './estimate-cell.js'
import { html, type Markup } from './markup.js'
import { cutText, metricOfRuns, type ScenarioSummary, type VariantSummary } from './scenario-summary.js'

type Tone = 'good' | 'bad' | 'price' | 'plain'

/** The three to five most important figures, where there are runs for them. */
export function headlineCards(summary: ScenarioSummary): Markup[] {
  const balance = summary.balances[0]
  const metric = metricOfRuns(summary)
  const value = (one: number): string => metricText(metric, one)
  const rule = balance?.rule
  const variantOf = (role: Role): VariantSummary | undefined => {
    const defended = role === 'attacked' || role === 'honest'
    return summary.variants.find((variant) => variant.role === role && (!defended || variant.rule === rule))
  }
  const of = (role: Role, name: MeasureName): Estimate | null => variantOf(role)?.measures[name] ?? null
  const cut = (role: Role): string | undefined => cutText(variantOf(role)?.runs ?? [])
  const cards: (Markup | null)[] = [
    card(
      'good',
      `worst honest node under attack, with ${rule}`,
      of('attacked', 'worstHonestMetric'),
      value,
      cut('attacked'),
    ),
    card(
      'bad',
      'worst honest node under attack, plain averaging',
      of('undefended', 'worstHonestMetric'),
      value,
      cut('undefended'),
    ),
    card(
      'price',
      'lost at the worst honest node without attackers',
      balance?.cost.worstLost ?? null,
      metric.unit === 'share' ? lostText : value,
    ),
    card(
      'bad',
      `attack success rate with ${rule}`,
      of('attacked', 'asr'),
      percent,
      without(of('undefended', 'asr')),
    ),
    card(
      'good',
      `weight of the attackers in aggregates with ${rule}`,
      of('attacked', 'recall') === null ? of('attacked', 'hostileWeight') : null,
      percent,
      without(of('undefended', 'hostileWeight')),
    ),
    card(
      'price',
      `honest models that ${rule} rejected, no attackers`,
      balance?.cost.honestRefused ?? null,
      percent,
    ),
  ]
  const there = cards.filter((entry) => entry !== null)
  if (there.length >= 3) return there
  const first = summary.variants[0]
  if (first === undefined) return there
  const more = [
    card('plain', `worst honest node, ${first.label}`, first.measures.worstHonestMetric, value),
    card('plain', `mean of honest nodes, ${first.label}`, first.measures.meanHonestMetric, value),
    card('price', 'honest models rejected', first.measures.honestRefused, percent),
    card('plain', 'share of the attackers’ models rejected', first.measures.recall, percent),
  ].filter((entry) => entry !== null)
  return summary.variants.length === 1 ? more : [...there, ...more.slice(1)]
}

function without(estimate: Estimate | null): string | undefined {
  return estimate === null ? undefined : `${percent(estimate.mean)} with plain averaging`
}

function card(
  tone: Tone,
  label: string,
  estimate: Estimate | null,
  text: (value: number) => string,
  extra?: string,
): Markup | null {
  if (estimate === null) return null
  const { mean, values } = estimate
  const interval = intervalText(estimate, text)
  return html`<div class="card ${tone}">
<p class="label">${label}</p>
<p class="value">${text(mean)}</p>
<p class="detail">${[extra, interval === '' ? '' : `${intervalName(values.length)} ${interval}`].filter(Boolean).join('; ') || counted(values.length, 'run')}</p>
</div>`
}
