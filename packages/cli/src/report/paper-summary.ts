import { MEASURES, type MeasureName } from '../metrics/measures.js'
import { type BalanceLine, benefitLines, costLines } from '../text/balance-text.js'
import { estimateText, MEASURE_LABELS, measureText } from '../text/measure-text.js'
import { markdownTable, markdownText } from './markdown.js'
import type { ScenarioSummary } from './scenario-summary.js'

/** A Markdown summary for a paper: tables with intervals, the method in a sentence, the command. */
export function summaryMarkdown(summary: ScenarioSummary): string {
  const { variants } = summary
  const names = (Object.keys(MEASURES) as MeasureName[]).filter((name) =>
    variants.some((variant) => variant.measures[name] !== null),
  )
  const seeds = Math.max(...variants.map((variant) => variant.runs.length))
  const versions = new Set(
    variants.flatMap((variant) => variant.runs.map((run) => JSON.stringify(run.versions))),
  )
  return [
    `# ${markdownText(summary.name)}`,
    '',
    ...markdownTable(
      ['measure', ...variants.map((variant) => variant.label)],
      names.map((name) => [
        MEASURE_LABELS[name],
        ...variants.map((variant) =>
          estimateText(variant.measures[name], (value) => measureText(name, value)),
        ),
      ]),
    ),
    '',
    ...summary.balances.flatMap((balance) => [
      `## ${markdownText(balance.rule)}: benefit beside cost`,
      '',
      ...sideBySide(benefitLines(balance), costLines(balance)),
      '',
    ]),
    `${summary.method} Benefits and costs are differences between runs of the same seed, in percentage points (pp), ` +
      `bytes and seconds ratios. ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}. All measures are taken after the last round that every honest ` +
      'node finished; shares are over honest nodes.',
    '',
    `Made with \`${summary.command}\` from runs of ${[...versions].map(versionText).join('; ')}.`,
    '',
  ].join('\n')
}

function sideBySide(benefits: readonly BalanceLine[], costs: readonly BalanceLine[]): string[] {
  const rows = Math.max(benefits.length, costs.length)
  return markdownTable(
    ['benefit', '', 'cost', ''],
    Array.from({ length: rows }, (_, k) => [
      benefits[k]?.label ?? '',
      benefits[k]?.text ?? '',
      costs[k]?.label ?? '',
      costs[k]?.text ?? '',
    ]),
  )
}

function versionText(json: string): string {
  return Object.entries(JSON.parse(json) as Record<string, string>)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
}
