import { join } from 'node:path'
import {
  benefitLines,
  costLines,
  findResults,
  LABELS_FILE,
  type Role,
  RUN_FILES,
  readRuns,
  roundRows,
  type StoredScenario,
} from '@tempered/lab/measures'
import { writeFileAtomic } from '@tempered/node'
import { AttackerCount } from './attacker-count.js'
import type { ReportData, RunView, Spread, TradeoffView, VariantView } from './client/report-data.js'
import { hashFiles } from './file-hashes.js'
import { renderPage } from './page.js'
import { summaryMarkdown } from './paper-summary.js'
import { reportCommand } from './report-command.js'
import { openTables } from './round-tables.js'
import { runView } from './run-view.js'
import { readWhole } from './scenario-folder.js'
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

/** Number of seeds per variant whose rounds the page can show; means and intervals include all seeds. */
const MAX_SHOWN_SEEDS = 10

/**
 * Writes the report of a scenario run (`<variant>/seed-<n>/…`) or of a single run into its folder: a self-contained
 * `report.html`, `report.json`, `summary.md`, `rounds.csv`, `rounds.ndjson`. Existing files are replaced. Throws E_FILE
 * when the folder contains no run or a file of a run cannot be read.
 */
export async function writeScenarioReport(folder: string): Promise<ScenarioSummary> {
  const places = await findResults(folder)
  const views = new Map<string, Map<number, RunView>>()
  const summaries: RunSummary[] = []
  let main: { role: Role; scenario: StoredScenario; scenarioText: string; nodes: number } | undefined
  const attackers = new AttackerCount()
  const tables = openTables(folder)
  for await (const { place, run, role, rule } of readRuns(places)) {
    const files = await hashFiles(place.folder, [...RUN_FILES, LABELS_FILE], place.path)
    const summary = runSummary(run, { path: place.path, role, rule }, files)
    summaries.push(summary)
    const key = variantKey(summary)
    views.set(key, (views.get(key) ?? new Map<number, RunView>()).set(summary.seed, runView(run)))
    if (isAttacked({ role })) attackers.add(run.record.nodes, run.record.rounds)
    if (main === undefined || (role === 'attacked' && main.role !== 'attacked')) {
      const { scenario, scenarioText } = run
      main = { role, scenario, scenarioText, nodes: run.record.nodes.length }
    }
    await tables.write(roundRows(run.record, { variant: role, rule, seed: summary.seed }))
  }
  await tables.close()
  const { scenario, scenarioText, nodes } = main!
  const whole = places[0]?.path === '.' ? undefined : await readWhole(folder)
  const summary: ScenarioSummary = {
    ...summarise(scenario.name, reportCommand(folder), summaries),
    assertions: whole?.assertions ?? [],
    stage: whole?.stage ?? null,
    interrupted: whole?.interrupted ?? false,
    files: whole?.files ?? [],
  }
  const data = reportData(summary, views)
  const page = await renderPage({
    title: `${summary.name} – Tempered report`,
    body: scenarioBody({
      summary,
      data,
      scenario,
      scenarioText: whole?.scenarioText ?? scenarioText,
      nodes,
      attackers: attackers.groups(),
    }),
    data,
    entry: 'scenario-page.js',
  })
  await writeFileAtomic(join(folder, 'report.html'), page)
  await writeFileAtomic(join(folder, 'report.json'), `${JSON.stringify(summary, null, 2)}\n`)
  await writeFileAtomic(
    join(folder, 'summary.md'),
    summaryMarkdown(summary, whole?.scenarioText ?? scenarioText),
  )
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
        rule: variant.rule,
        isAttacked: isAttacked(variant),
        defended: isDefended(variant),
        runs: runs.slice(0, MAX_SHOWN_SEEDS),
        worstByRound: worstByRound(runs),
      }
    }),
    balances: summary.balances.map(
      (balance): TradeoffView => ({
        rule: balance.rule,
        benefits: figures(benefitLines(balance)),
        costs: figures(costLines(balance, summary.stage === 'simulate')),
      }),
    ),
  }
}

function figures(lines: ReturnType<typeof benefitLines>): TradeoffView['benefits'] {
  return lines.flatMap(({ label, estimate, scale }) =>
    estimate === null || scale === 'other'
      ? []
      : [{ label, scale, value: { mean: estimate.mean, low: estimate.low, high: estimate.high } }],
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
