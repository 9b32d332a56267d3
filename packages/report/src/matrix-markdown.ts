import {
  ACCURACY_FACTS,
  directedLabel,
  type Estimate,
  estimateText,
  lossTextOf,
  type MatrixGroup,
  metricText,
  ratioText,
} from '@tempered/lab/measures'
import { percent } from '@tempered/lab/text'
import type { Metric } from '@tempered/train'
import { markdownTable, markdownText, yamlSection } from './markdown.js'
import type { MatrixSummary } from './matrix-summary.js'

/**
 * A Markdown summary of a matrix: worst honest node and attack success, rule × attack, one table per combination, with
 * the cost.
 */
export function matrixMarkdown(summary: MatrixSummary, lab: string): string {
  const { groups, metric = ACCURACY_FACTS.metric } = summary
  const places = new Map<string, MatrixGroup[]>()
  for (const group of groups) {
    const place = `fraction ${group.fraction}, topology ${group.topology}, split ${group.split}`
    places.set(place, [...(places.get(place) ?? []), group])
  }
  const tables = [...places].flatMap(([place, found]) => [
    `## ${place}`,
    '',
    ...table(found, 'worstHonestMetric', (value) => metricText(metric, value)),
    '',
    ...successTable(found),
    ...costTable(found, metric),
    '',
  ])
  const versions = Object.entries(summary.versions ?? {}).map(([name, version]) => `${name} ${version}`)
  return [
    `# ${markdownText(summary.name)}`,
    '',
    `Test ${metric.name === 'accuracy' ? metric.label : directedLabel(metric)} of the worst honest node; the cost of the rules follows below.`,
    '',
    ...tables,
    `${summary.method} Cost: ${metric.name === 'accuracy' ? 'accuracy lost against plain averaging' : `by how much ${metric.label} is worse than with plain averaging`}, honest models rejected, bytes against those of plain averaging, and the computation time of the rule per node and round, all without attackers. All cells are simulations: their seconds are virtual and not shown.`,
    '',
    `Made with \`${summary.command}\` (${versions.join(', ')}).`,
    '',
    ...yamlSection('The lab', lab),
  ].join('\n')
}

function table(
  groups: readonly MatrixGroup[],
  measure: 'worstHonestMetric' | 'asr',
  text: (value: number) => string,
): string[] {
  const measured = groups.filter(
    (group) => measure === 'worstHonestMetric' || estimateOf(group, measure) !== null,
  )
  const attacks = [...new Set(measured.map((group) => group.attack))]
  const rules = [...new Set(groups.map((group) => group.rule))]
  return markdownTable(
    ['rule', ...attacks],
    rules.map((rule) => [
      rule,
      ...attacks.map((attack) =>
        cellText(
          measured.find((group) => group.rule === rule && group.attack === attack),
          measure,
          text,
        ),
      ),
    ]),
  )
}

/** Attack success rates, where there is a backdoor. */
function successTable(groups: readonly MatrixGroup[]): string[] {
  if (groups.every((group) => group.measures.asr === null)) return []
  return ['Attack success rate:', '', ...table(groups, 'asr', (value) => percent(value)), '']
}

function costTable(groups: readonly MatrixGroup[], metric: Metric): string[] {
  const lossText = lossTextOf(metric)
  const costs = new Map(groups.map(({ rule, balance }) => [rule, balance.cost]))
  return markdownTable(
    ['cost, no attackers', 'worst lost', 'mean lost', 'honest rejected', 'bytes', 'computation time'],
    [...costs].map(([rule, cost]) => [
      rule,
      estimateText(cost.worstLost, lossText),
      estimateText(cost.meanLost, lossText),
      estimateText(cost.honestRefused, (value) => percent(value)),
      estimateText(cost.bytesRatio, ratioText),
      estimateText(cost.ruleMs, (value) => `${value.toFixed(1)} ms`),
    ]),
  )
}

/** Cells of older labs have accuracies alone. */
function estimateOf({ measures }: MatrixGroup, measure: 'worstHonestMetric' | 'asr'): Estimate | null {
  return (
    measures[measure] ?? (measure === 'worstHonestMetric' ? (measures.worstHonestAccuracy ?? null) : null)
  )
}

function cellText(
  group: MatrixGroup | undefined,
  measure: 'worstHonestMetric' | 'asr',
  text: (value: number) => string,
): string {
  if (group === undefined) return '–'
  const failed = group.failed > 0 ? ` (${group.failed} failed)` : ''
  return `${estimateText(estimateOf(group, measure), text)}${failed}`
}
