import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { writeFileAtomic } from '@tempered/node'
import { RUN_FILES, type StoredRun } from '../metrics/read-run.js'
import { csvLine, ROW_COLUMNS, roundRows } from '../metrics/rows.js'
import { findRuns, type Role, readRuns } from '../metrics/run-collection.js'
import { benefitLines, costLines } from '../report/balance-text.js'
import type { BalanceView, ReportData, RunView, Spread, VariantView } from './client/report-data.js'
import { hashFiles } from './file-hashes.js'
import { renderPage } from './page.js'
import { summaryMarkdown } from './paper-summary.js'
import { reportCommand } from './report-command.js'
import { runView } from './run-view.js'
import { scenarioBody } from './scenario-page.js'
import {
  isAttacked,
  isDefended,
  type RunSummary,
  runSummary,
  type ScenarioSummary,
  summarise,
  variantKey,
} from './scenario-summary.js'

/** Files that a report is made of, all in the folder that it is about. */
export const REPORT_FILES = [
  'report.html',
  'report.json',
  'summary.md',
  'rounds.csv',
  'rounds.ndjson',
] as const

/** Seeds of a variant whose rounds the page can show; all of them count in means and intervals. */
const MAX_SHOWN_SEEDS = 10

/**
 * Writes the report of a scenario run (`<variant>/seed-<n>/…`) or of a single run into its folder: `report.html` with
 * nothing outside itself, `report.json`, `summary.md`, `rounds.csv`, `rounds.ndjson`. What was there is replaced.
 * Throws E_FILE when there is no run in the folder or a file of one cannot be read.
 */
export async function writeScenarioReport(folder: string): Promise<ScenarioSummary> {
  const places = await findRuns(folder)
  const views = new Map<string, Map<number, RunView>>()
  const summaries: RunSummary[] = []
  let main: { run: StoredRun; role: Role } | undefined
  const csv = createWriteStream(join(folder, 'rounds.csv'))
  const ndjson = createWriteStream(join(folder, 'rounds.ndjson'))
  csv.write(`${ROW_COLUMNS.join(',')}\n`)
  for await (const { place, run, role } of readRuns(places)) {
    const summary = runSummary(run, place.path, role, await hashFiles(place.folder, RUN_FILES, place.path))
    summaries.push(summary)
    const key = variantKey(summary)
    views.set(key, (views.get(key) ?? new Map<number, RunView>()).set(summary.seed, runView(run)))
    if (main === undefined || (role === 'attacked' && main.role !== 'attacked')) main = { run, role }
    for (const row of roundRows(run.record, role, summary.seed)) {
      csv.write(`${csvLine(ROW_COLUMNS.map((column) => row[column]))}\n`)
      if (!ndjson.write(`${JSON.stringify(row)}\n`)) await once(ndjson, 'drain')
    }
  }
  csv.end()
  ndjson.end()
  await Promise.all([finished(csv), finished(ndjson)])
  const { run } = main!
  const summary = summarise(run.scenario.name, reportCommand(folder), summaries)
  const data = reportData(summary, views)
  const page = await renderPage({
    title: `${summary.name} – Tempered report`,
    body: scenarioBody({
      summary,
      data,
      scenario: run.scenario,
      scenarioText: run.scenarioText,
      nodes: run.record.nodes,
    }),
    data,
    entry: 'scenario-page.js',
  })
  await writeFileAtomic(join(folder, 'report.html'), page)
  await writeFileAtomic(join(folder, 'report.json'), `${JSON.stringify(summary, null, 2)}\n`)
  await writeFileAtomic(join(folder, 'summary.md'), summaryMarkdown(summary))
  return summary
}

function reportData(
  summary: ScenarioSummary,
  views: ReadonlyMap<string, ReadonlyMap<number, RunView>>,
): ReportData {
  return {
    kind: 'scenario',
    variants: summary.variants.map((variant): VariantView => {
      const runs = variant.runs.map((run) => views.get(variant.key)!.get(run.seed)!)
      return {
        key: variant.key,
        label: variant.label,
        hostile: isAttacked(variant),
        defended: isDefended(variant),
        runs: runs.slice(0, MAX_SHOWN_SEEDS),
        worstByRound: worstByRound(runs),
      }
    }),
    balances: summary.balances.map(
      (balance): BalanceView => ({
        rule: balance.rule,
        benefits: figures(benefitLines(balance)),
        costs: figures(costLines(balance)),
      }),
    ),
  }
}

function figures(lines: ReturnType<typeof benefitLines>): BalanceView['benefits'] {
  return lines.flatMap(({ label, estimate, isShare }) =>
    estimate === null || !isShare
      ? []
      : [{ label, value: { mean: estimate.mean, low: estimate.low, high: estimate.high } }],
  )
}

/** By round from 1, over the seeds that measured it. */
function worstByRound(runs: readonly RunView[]): (Spread | null)[] {
  const byRound = new Map<number, number[]>()
  for (const run of runs) {
    run.points.forEach((point, k) => {
      if (point.worst === null) return
      const round = run.rounds[k]!
      byRound.set(round, [...(byRound.get(round) ?? []), point.worst])
    })
  }
  const last = Math.max(0, ...byRound.keys())
  return Array.from({ length: last }, (_, k) => {
    const values = byRound.get(k + 1)
    if (values === undefined) return null
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    return { mean: Number(mean.toFixed(4)), low: Math.min(...values), high: Math.max(...values) }
  })
}
