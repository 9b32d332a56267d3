import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Metric, type MetricName, metricOf } from '@tempered/train'
import { LabError } from '../errors.js'
import { estimate } from './bootstrap.js'
import { type Estimates, type Measures, measureNames } from './catalogue.js'
import { ACCURACY_FACTS } from './task-facts.js'
import { type BySeed, type SeedRun, type Tradeoff, tradeoffOf } from './tradeoff.js'

/** Results of a lab: one cell per combination of axes and seed. */
export interface Matrix {
  readonly kind: 'tempered/matrix'
  /** Name of the lab; folders of older versions have none. */
  readonly name?: string
  /** The task's first metric, by which nodes are judged; missing where it is accuracy. */
  readonly metric?: MetricName
  readonly axes: Readonly<Record<Axis, readonly (string | number)[]>>
  readonly cells: readonly MatrixCell[]
  /** The resolved lab file. */
  readonly lab: string
  readonly versions: Readonly<Record<string, string>>
}

export const AXES = ['rule', 'attack', 'fraction', 'topology', 'split', 'seed'] as const
export type Axis = (typeof AXES)[number]

export interface MatrixCell {
  readonly id: string
  readonly rule: string
  /** `none` is the run without an attacker. */
  readonly attack: string
  readonly fraction: string | number
  readonly topology: string
  readonly split: string
  readonly seed: number
  readonly status: 'done' | 'failed' | 'missing'
  readonly error?: string
  readonly measures: Measures | null
  /** Round (from 0) after which it was scored; folders of older versions do not contain it. */
  readonly scoredRound?: number | null
}

/** The file that makes a folder a matrix folder. */
export const MATRIX_FILE = 'matrix.json'

/** Names of plain averaging and of the attack-free run. */
const PLAIN = 'average'
const QUIET = 'none'

/** All seeds of one combination, with the benefit and the cost of the rule. */
export interface MatrixGroup {
  readonly rule: string
  readonly attack: string
  readonly fraction: string
  readonly topology: string
  readonly split: string
  readonly done: number
  readonly failed: number
  readonly missing: number
  readonly errors: readonly string[]
  readonly measures: Estimates
  readonly balance: Tradeoff
}

/** Reads `matrix.json`. Throws E_FILE when it is missing or not a matrix. */
export async function readMatrix(folder: string): Promise<Matrix> {
  const file = join(folder, MATRIX_FILE)
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new LabError('E_FILE', `${file}: cannot be read`, {}, cause)
  })
  let value: Partial<Matrix>
  try {
    value = JSON.parse(text) as Partial<Matrix>
  } catch (cause) {
    throw new LabError('E_FILE', `${file}: not JSON: ${(cause as Error).message}`, {}, cause)
  }
  if (value?.kind !== 'tempered/matrix' || !Array.isArray(value.cells)) {
    throw new LabError('E_FILE', `${file}: not a matrix; expected kind tempered/matrix and cells`)
  }
  return value as Matrix
}

/** By which the nodes of a matrix are judged. Throws E_FILE for a metric that this version does not know. */
export function matrixMetric({ metric }: Pick<Matrix, 'metric'>): Metric {
  if (metric === undefined) return ACCURACY_FACTS.metric
  const known: Metric | undefined = metricOf(metric)
  if (known !== undefined) return known
  throw new LabError('E_FILE', `${MATRIX_FILE}: metric ${metric} is unknown to this version of Tempered`)
}

/** Cells by combination, in the order of their first cells, with intervals over seeds. */
export function matrixGroups(
  cells: readonly MatrixCell[],
  metric: Metric = ACCURACY_FACTS.metric,
): MatrixGroup[] {
  const groups = new Map<string, MatrixCell[]>()
  const quietCells = new Map<string, MatrixCell[]>()
  const at = (cell: MatrixCell, rule: string, attack: string, fraction: string | number): string =>
    JSON.stringify([rule, attack, String(fraction), cell.topology, cell.split])
  for (const cell of cells) {
    const key = at(cell, cell.rule, cell.attack, cell.fraction)
    append(groups, key, cell)
    if (cell.attack === QUIET)
      append(quietCells, JSON.stringify([cell.rule, cell.topology, cell.split]), cell)
  }
  const names = measureNames()
  return [...groups.values()].map((group): MatrixGroup => {
    const cell = group[0]!
    // Without an attacker the fraction has no meaning: labs may list the cell under any.
    const quiet = (rule: string): BySeed | undefined =>
      measuresBySeed(
        groups.get(at(cell, rule, QUIET, cell.fraction)) ??
          quietCells.get(JSON.stringify([rule, cell.topology, cell.split])) ??
          [],
      )
    const attacked = cell.attack !== QUIET
    const count = (status: MatrixCell['status']): number =>
      group.filter((entry) => entry.status === status).length
    return {
      rule: cell.rule,
      attack: cell.attack,
      fraction: String(cell.fraction),
      topology: cell.topology,
      split: cell.split,
      done: count('done'),
      failed: count('failed'),
      missing: count('missing'),
      errors: [...new Set(group.flatMap((entry) => entry.error ?? []))],
      measures: Object.fromEntries(
        names.map((name) => [name, estimate(group.map((entry) => entry.measures?.[name] ?? null))]),
      ) as Estimates,
      balance: tradeoffOf({
        rule: cell.rule,
        metric,
        attacked: attacked ? measuresBySeed(group) : undefined,
        undefended: attacked
          ? measuresBySeed(groups.get(at(cell, PLAIN, cell.attack, cell.fraction)) ?? [])
          : undefined,
        honest: quiet(cell.rule),
        baseline: quiet(PLAIN),
      }),
    }
  })
}

function append(lists: Map<string, MatrixCell[]>, key: string, cell: MatrixCell): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [cell])
  else list.push(cell)
}

function measuresBySeed(cells: readonly MatrixCell[]): BySeed | undefined {
  const found = cells.flatMap(({ seed, measures, scoredRound }): [number, SeedRun][] =>
    measures === null || measures === undefined ? [] : [[seed, { measures, scoredRound }]],
  )
  return found.length === 0 ? undefined : new Map(found)
}
