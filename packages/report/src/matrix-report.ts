import { join } from 'node:path'
import {
  csvLine,
  type Estimate,
  INTERVAL_METHOD,
  MATRIX_FILE,
  type Matrix,
  type MatrixGroup,
  matrixGroups,
  matrixMetric,
  measureInfo,
  measureInfoFor,
  measureNames,
  readMatrix,
} from '@tempered/lab/measures'
import { writeFileAtomic } from '@tempered/node'
import type { GroupView, MatrixData, MeasureView } from './client/matrix-data.js'
import { hashFiles } from './file-hashes.js'
import { matrixMarkdown } from './matrix-markdown.js'
import { matrixBody } from './matrix-page.js'
import type { MatrixSummary } from './matrix-summary.js'
import { renderPage } from './page.js'
import { reportCommand } from './report-command.js'
import { metricView } from './run-view.js'

/** Axes that the reader can choose from; rules and attacks form the heat map, seeds the intervals. */
const CHOICES = ['fraction', 'topology', 'split'] as const

/**
 * Writes the report of a matrix folder into it: `report.html`, `report.json`, `summary.md`, `matrix.csv`,
 * `matrix.ndjson`. Existing files are replaced. Throws E_FILE when `matrix.json` is missing or not a matrix.
 */
export async function writeMatrixReport(folder: string): Promise<MatrixSummary> {
  const matrix = await readMatrix(folder)
  const metric = matrixMetric(matrix)
  const summary: MatrixSummary = {
    kind: 'tempered/matrix-report',
    name: matrix.name ?? 'matrix',
    method: INTERVAL_METHOD,
    command: reportCommand(folder),
    ...(metric.name === 'accuracy' ? {} : { metric }),
    axes: matrix.axes,
    versions: matrix.versions,
    groups: matrixGroups(matrix.cells, metric),
  }
  const data = matrixData(summary)
  const files = await hashFiles(folder, [MATRIX_FILE], '.')
  const page = await renderPage({
    title: `${summary.name} – Tempered report`,
    body: matrixBody({ matrix, summary, data, files }),
    data,
    entry: 'matrix-page.js',
  })
  await writeFileAtomic(join(folder, 'report.html'), page)
  await writeFileAtomic(join(folder, 'report.json'), `${JSON.stringify(summary, null, 2)}\n`)
  await writeFileAtomic(join(folder, 'summary.md'), matrixMarkdown(summary, labText(matrix)))
  await writeFileAtomic(join(folder, 'matrix.csv'), matrixCsv(matrix))
  const lines = matrix.cells.map((cell) => `${JSON.stringify(cell)}\n`)
  await writeFileAtomic(join(folder, 'matrix.ndjson'), lines.join(''))
  return summary
}

/** The resolved lab; older folders store it as a value. */
export function labText({ lab }: Matrix): string {
  return typeof lab === 'string' ? lab : JSON.stringify(lab, null, 2)
}

/** One row per cell. */
export function matrixCsv({ cells }: Matrix): string {
  const names = measureNames()
  const head = ['id', 'rule', 'attack', 'fraction', 'topology', 'split', 'seed', 'status', 'error', ...names]
  const lines = cells.map((cell) =>
    csvLine([
      cell.id,
      cell.rule,
      cell.attack,
      cell.fraction,
      cell.topology,
      cell.split,
      cell.seed,
      cell.status,
      cell.error ?? null,
      ...names.map((name) => cell.measures?.[name] ?? null),
    ]),
  )
  return `${[csvLine(head), ...lines].join('\n')}\n`
}

export function matrixData({ groups, metric }: MatrixSummary): MatrixData {
  const seen = (pick: (group: MatrixGroup) => string): string[] => [...new Set(groups.map(pick))]
  const attacks = seen((group) => group.attack)
  // The fraction recorded for a run without attackers is not a choice.
  const attacked = groups.filter((group) => group.attack !== 'none')
  const choicesOf = (axis: (typeof CHOICES)[number]): string[] => [
    ...new Set((attacked.length > 0 ? attacked : groups).map((group) => group[axis])),
  ]
  return {
    kind: 'matrix',
    ...(metric === undefined ? {} : { metric: metricView(metric) }),
    rules: seen((group) => group.rule),
    attacks: [
      ...attacks.filter((attack) => attack === 'none'),
      ...attacks.filter((attack) => attack !== 'none'),
    ],
    choices: CHOICES.map((axis) => ({ axis, values: choicesOf(axis) })),
    measures: measureNames()
      .filter((name) => groups.some((group) => (group.measures[name] ?? null) !== null))
      .map((name): MeasureView => {
        const { label, unit, better } =
          metric === undefined ? measureInfo(name) : measureInfoFor(name, metric)
        return { name, label, unit, better }
      }),
    groups: groups.map(
      (group): GroupView => ({
        rule: group.rule,
        attack: group.attack,
        at: CHOICES.map((axis) => group[axis]),
        done: group.done,
        failed: group.failed,
        missing: group.missing,
        error: group.errors[0] ?? null,
        measures: Object.fromEntries(
          Object.entries(group.measures).flatMap(([name, value]) =>
            value === null ? [] : [[name, triple(value)]],
          ),
        ),
        lost: group.balance.cost.worstLost === null ? null : triple(group.balance.cost.worstLost),
        refused: group.balance.cost.honestRefused === null ? null : triple(group.balance.cost.honestRefused),
      }),
    ),
  }
}

function triple({ mean, low, high }: Estimate): [number, number | null, number | null] {
  return [mean, low, high]
}
