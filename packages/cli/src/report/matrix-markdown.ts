import type { MatrixGroup } from '../metrics/matrix.js'
import { percent } from '../text/format.js'
import { estimateText, lostText } from '../text/measure-text.js'
import { markdownTable } from './markdown.js'
import type { MatrixSummary } from './matrix-report.js'

/** A Markdown summary of a matrix: worst honest node, rule × attack, one table a combination, with the cost beside it. */
export function matrixMarkdown(summary: MatrixSummary): string {
  const { groups } = summary
  const places = new Map<string, MatrixGroup[]>()
  for (const group of groups) {
    const place = `fraction ${group.fraction}, topology ${group.topology}, split ${group.split}`
    places.set(place, [...(places.get(place) ?? []), group])
  }
  const tables = [...places].flatMap(([place, found]) => [`## ${place}`, '', ...table(found), ''])
  const versions = Object.entries(summary.versions ?? {}).map(([name, version]) => `${name} ${version}`)
  return [
    '# Test accuracy of the worst honest node',
    '',
    ...tables,
    `${summary.method} Cost: accuracy lost at the worst honest node against plain averaging, and honest models refused, with no attacker.`,
    '',
    `Made with \`${summary.command}\` (${versions.join(', ')}).`,
    '',
  ].join('\n')
}

function table(groups: readonly MatrixGroup[]): string[] {
  const attacks = [...new Set(groups.map((group) => group.attack))]
  const rules = [...new Set(groups.map((group) => group.rule))]
  return markdownTable(
    ['rule', ...attacks, 'cost: lost', 'cost: honest refused'],
    rules.map((rule) => {
      const own = groups.filter((group) => group.rule === rule)
      const cost = own[0]?.balance.cost
      return [
        rule,
        ...attacks.map((attack) => cellText(own.find((group) => group.attack === attack))),
        estimateText(cost?.worstLost ?? null, lostText),
        estimateText(cost?.honestRefused ?? null, (value) => percent(value)),
      ]
    }),
  )
}

function cellText(group: MatrixGroup | undefined): string {
  if (group === undefined) return '–'
  const failed = group.failed > 0 ? ` (${group.failed} failed)` : ''
  return `${estimateText(group.measures.worstHonestAccuracy, (value) => percent(value))}${failed}`
}
