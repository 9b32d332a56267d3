import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '@tempered/node'
import { stringify } from 'yaml'
import { MEASURES, type MeasureName, type Measures } from '../metrics/measures.js'
import { versions } from '../versions.js'
import type { CellFailure } from './cell-messages.js'
import type { Cell, CellPlace } from './cells.js'
import type { Lab } from './lab-schema.js'

/** A cell's result, as its file holds it. */
export interface CellResult extends CellPlace {
  readonly id: string
  readonly hash: string
  readonly status: 'done' | 'failed' | 'missing'
  readonly error?: CellFailure
  readonly measures: Measures | null
  /** Wall-clock seconds that it took. */
  readonly seconds: number | null
}

/**
 * Results of a matrix, all in one folder: `lab.yaml` (resolved, with versions), `cells/<id>.json` for every finished
 * cell, and once all is over `matrix.json` and `matrix.csv`. Each file appears whole or not at all.
 */
export interface MatrixFolder {
  readonly path: string
  /** What an earlier run of the same cell, to the letter, came to; undefined when there is none or it failed. */
  find(cell: Cell): CellResult | undefined
  write(
    cell: Cell,
    result: Pick<CellResult, 'status' | 'error' | 'measures' | 'seconds'>,
  ): Promise<CellResult>
  /** Writes matrix.json and matrix.csv over all cells of the lab. */
  finish(results: readonly CellResult[]): Promise<void>
}

export async function openMatrixFolder(path: string, lab: Lab): Promise<MatrixFolder> {
  const cellsFolder = join(path, 'cells')
  await mkdir(cellsFolder, { recursive: true })
  await writeFileAtomic(join(path, 'lab.yaml'), stringify({ ...lab, versions: versions() }))
  const known = new Map<string, CellResult>()
  for (const name of await readdir(cellsFolder)) {
    if (!name.endsWith('.json')) continue
    const result = parseResult(await readFile(join(cellsFolder, name), 'utf8'))
    if (result?.status === 'done') known.set(result.id, result)
  }
  return {
    path,
    find(cell) {
      const result = known.get(cell.id)
      return result?.hash === cell.hash ? result : undefined
    },
    async write(cell, outcome) {
      const result = { ...placeOf(cell), id: cell.id, hash: cell.hash, ...outcome }
      await writeFileAtomic(join(cellsFolder, `${cell.id}.json`), `${JSON.stringify(result, null, 2)}\n`)
      return result
    },
    async finish(results) {
      const axis = (key: keyof CellPlace) => [...new Set(results.map((result) => result[key]))]
      const matrix = {
        kind: 'tempered/matrix',
        name: lab.name,
        axes: {
          rule: axis('rule'),
          attack: axis('attack'),
          fraction: axis('fraction'),
          topology: axis('topology'),
          split: axis('split'),
          seed: axis('seed'),
        },
        cells: results,
        lab: stringify(lab),
        versions: versions(),
      }
      await writeFileAtomic(join(path, 'matrix.json'), `${JSON.stringify(matrix, null, 1)}\n`)
      await writeFileAtomic(join(path, 'matrix.csv'), csvOf(results))
    },
  }
}

export function placeOf({ rule, attack, fraction, topology, split, seed }: CellPlace): CellPlace {
  return { rule, attack, fraction, topology, split, seed }
}

/** A file that is no result of ours is as good as none: the cell is run again. */
function parseResult(text: string): CellResult | undefined {
  try {
    const value = JSON.parse(text) as Partial<CellResult> | null
    return typeof value?.id === 'string' && typeof value.hash === 'string' ? (value as CellResult) : undefined
  } catch {
    return undefined
  }
}

function csvOf(results: readonly CellResult[]): string {
  const places = ['rule', 'attack', 'fraction', 'topology', 'split', 'seed'] as const
  const measures = Object.keys(MEASURES) as MeasureName[]
  const quote = (value: string | number | null): string =>
    typeof value === 'string' ? `"${value.replaceAll('"', '""')}"` : String(value ?? '')
  const rows = results.map((result) =>
    [
      ...places.map((key) => quote(result[key])),
      result.status,
      ...measures.map((name) => quote(result.measures?.[name] ?? null)),
      quote(result.seconds),
    ].join(','),
  )
  return `${[[...places, 'status', ...measures, 'seconds'].join(','), ...rows].join('\n')}\n`
}
