import type { CellPlace, CellResult } from '@tempered/lab/matrix'
import { directedLabel, type MeasureName, type Measures, mean, metricText } from '@tempered/lab/measures'
import { bytes, percent } from '@tempered/lab/text'
import type { Metric } from '@tempered/train'
import { foldedTable } from './table.js'

/**
 * A matrix as text: one row per attack, one column per rule. Each cell is the mean over seeds of the worst honest
 * node's test error, or of its metric where that is not accuracy.
 */
export function renderMatrix(results: readonly CellResult[], metric: Metric, width: number): string[] {
  const worst = worstText(metric)
  const groups = unique(results.map(groupOf))
  return groups.flatMap((group) => {
    const here = results.filter((result) => groupOf(result) === group)
    const rules = unique(here.map(({ rule }) => rule))
    const rows = unique(here.map(rowOf)).map((row) => {
      const cells = rules.map((rule) => here.filter((cell) => rowOf(cell) === row && cell.rule === rule))
      return [row, ...cells.map((these) => text(these, worst.of, worst.show))]
    })
    const cellsOf = (rule: string) => here.filter((cell) => cell.rule === rule)
    const success = unique(here.filter((cell) => (cell.measures?.asr ?? null) !== null).map(rowOf)).map(
      (row) => [
        `attack success: ${row}`,
        ...rules.map((rule) =>
          text(
            cellsOf(rule).filter((cell) => rowOf(cell) === row),
            ({ asr }) => asr,
            (value) => percent(value),
          ),
        ),
      ],
    )
    const columns = new Set(rules.map((_, k) => k + 1))
    return [
      '',
      `${worst.title}, mean over seeds; ${group}`,
      ...foldedTable([['', ...rules], ...rows, ...success, ...costRows(rules.map(cellsOf))], columns, width),
    ]
  })
}

/** The cost of each rule without attackers. It is always shown together with the benefit. */
function costRows(byRule: readonly (readonly CellResult[])[]): string[][] {
  const quiet = byRule.map((cells) => cells.filter(({ fraction }) => fraction === 0))
  const row = (label: string, measure: MeasureName, show: (value: number) => string): string[] => [
    label,
    ...quiet.map((cells) => {
      const value = mean(cells.flatMap(({ measures }) => measures?.[measure] ?? []))
      return value === null ? '–' : show(value)
    }),
  ]
  return [
    row('cost: honest rejected', 'honestRefused', percent),
    row('cost: per node and round', 'bytesPerRound', bytes),
    row('cost: computation time', 'aggregateMs', (value) => `${value.toFixed(1)} ms`),
  ]
}

function groupOf({ topology, split }: CellPlace): string {
  return `${topology}, ${split}`
}

function rowOf({ attack, fraction }: CellPlace): string {
  return fraction === 0 ? 'no attackers' : `${attack}, ${percent(fraction, 0)}`
}

/** How the worst honest node of a cell is shown. */
export function worstText(metric: Metric): {
  readonly title: string
  of(measures: Measures): number | null
  show(value: number | null): string
} {
  if (metric.name === 'accuracy')
    return { title: 'worst honest test error', of: ({ mter }) => mter, show: (value) => percent(value) }
  return {
    title: `test ${directedLabel(metric)} of the worst honest node`,
    of: ({ worstHonestMetric }) => worstHonestMetric,
    show: (value) => metricText(metric, value),
  }
}

function text(
  cells: readonly CellResult[],
  of: (measures: Measures) => number | null,
  show: (value: number | null) => string,
): string {
  const values = cells.flatMap(({ measures }) => (measures === null ? [] : (of(measures) ?? [])))
  if (values.length > 0) return show(mean(values))
  return cells.some((cell) => cell.status === 'failed') ? 'failed' : '–'
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)]
}
