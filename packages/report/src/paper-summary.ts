import {
  benefitLines,
  costLines,
  estimateText,
  measureInfo,
  measureNames,
  measureText,
  secondsNote,
  type TradeoffLine,
  unequalText,
} from '@tempered/lab/measures'
import { counted } from '@tempered/lab/text'
import { markdownTable, markdownText, yamlSection } from './markdown.js'
import { divergences, isDefended, type ScenarioSummary } from './scenario-summary.js'

/** A Markdown summary for a paper: tables with intervals, the method in one sentence, the command, and the scenario. */
export function summaryMarkdown(summary: ScenarioSummary, scenarioText: string): string {
  const { variants } = summary
  const names = measureNames().filter((name) =>
    variants.some((variant) => (variant.measures[name] ?? null) !== null),
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
        measureInfo(name).label,
        ...variants.map((variant) =>
          estimateText(variant.measures[name] ?? null, (value) => measureText(name, value)),
        ),
      ]),
    ),
    '',
    ...(summary.interrupted
      ? ['The scenario was interrupted: runs are incomplete, and some may be missing.', '']
      : []),
    ...divergences(summary).flatMap((text) => [markdownText(text), '']),
    ...summary.balances.flatMap((balance) => [
      `## ${markdownText(balance.rule)}: benefit and cost`,
      '',
      ...sideBySide(benefitLines(balance), costLines(balance, summary.stage === 'simulate')),
      '',
      ...[secondsNote(balance, summary.stage === 'simulate') ?? []].flat().flatMap((text) => [text, '']),
      ...[unequalText(balance) ?? []].flat().flatMap((text) => [markdownText(text), '']),
    ]),
    `${summary.method} Benefits and costs are differences between runs of the same seed, in percentage points (pp), ` +
      `bytes and seconds ratios. ${counted(seeds, 'seed')}. All measures are taken after the last round that every honest ` +
      'node finished; shares are over honest nodes.',
    '',
    ...stageNote(summary.stage),
    ...assertionTable(summary),
    `Made with \`${summary.command}\` from runs of ${[...versions].map(versionText).join('; ')}.`,
    '',
    ...yamlSection('The scenario', scenarioText),
  ].join('\n')
}

function stageNote(stage: string | null): string[] {
  if (stage === 'simulate')
    return [
      'Simulated: seconds are virtual and say nothing about real time, except for the computation time of the rule.',
      '',
    ]
  return stage === null ? [] : [`Run on a ${stage} of real nodes.`, '']
}

function assertionTable({ assertions, variants }: ScenarioSummary): string[] {
  if (assertions.length === 0) return []
  const several = new Set(variants.filter(isDefended).map(({ rule }) => rule)).size > 1
  const head = ['assertion', ...(several ? ['rule'] : []), '', 'got']
  const rows = assertions.map(({ assertion, rule, ok, got }) => [
    assertion,
    ...(several ? [rule] : []),
    ok ? 'held' : 'missed',
    got,
  ])
  return [...markdownTable(head, rows), '']
}

function sideBySide(benefits: readonly TradeoffLine[], costs: readonly TradeoffLine[]): string[] {
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
