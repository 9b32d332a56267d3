import type { CellPlace, CellResult } from '@tempered/lab/matrix'
import { type MeasureName, mean } from '@tempered/lab/measures'
import { bytes, percent } from '@tempered/lab/text'
import { foldedTable } from './table.js'

/**
 * A matrix as text: one row per attack, one column per rule. Each cell is the mean over seeds of the worst honest
 * node's test error.
 */
export function renderMatrix(results: readonly CellResult[], width: number): string[] {
  const groups = unique(results.map(groupOf))
  return groups.flatMap((group) => {
    const here = results.filter((result) => groupOf(result) === group)
    const rules = unique(here.map(({ rule }) => rule))
    const rows = unique(here.map(rowOf)).map((row) => {
      const cells = rules.map((rule) => here.filter((cell) => rowOf(cell) === row && cell.rule === rule))
      return [row, ...cells.map((these) => text(these, 'mter'))]
    })
    const cellsOf = (rule: string) => here.filter((cell) => cell.rule === rule)
    const success = unique(here.filter((cell) => (cell.measures?.asr ?? null) !== null).map(rowOf)).map(
      (row) => [
        `attack success: ${row}`,
        ...rules.map((rule) =>
          text(
            cellsOf(rule).filter((cell) => rowOf(cell) === row),
            'asr',
          ),
        ),
      ],
    )
    const columns = new Set(rules.map((_, k) => k + 1))
    return [
      '',
      `worst honest test error, mean over seeds; ${group}`,
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

function text(cells: readonly CellResult[], measure: MeasureName): string {
  const values = cells.flatMap((cell) => cell.measures?.[measure] ?? [])
  if (values.length > 0) return percent(mean(values))
  return cells.some((cell) => cell.status === 'failed') ? 'failed' : '–'
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)]
}
