import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '@tempered/node'
import type { MetricName } from '@tempered/train'
import { makeFolder } from '@tempered/train'
import { stringify } from 'yaml'
import { MATRIX_FILE, type Matrix, type MatrixCell } from '../measures/read-matrix.js'
import { versions } from '../versions.js'
import type { Cell, CellPlace } from './cells.js'
import { labMetric } from './lab-metric.js'
import type { Lab } from './lab-schema.js'

/** The result of a cell as stored in its file. */
export interface CellResult extends MatrixCell {
  readonly fraction: number
  readonly hash: string
  /** Wall-clock seconds that it took; null when it was not finished. */
  readonly seconds: number | null
}

/**
 * Results of a matrix, all in one folder: `lab.yaml` (resolved, with versions), `cells/<id>.json` for every finished
 * cell, and at the end `matrix.json`. Files are written atomically.
 */
export interface MatrixFolder {
  readonly path: string
  /** The result of an earlier run of exactly this cell; undefined when there is none or it failed. */
  find(cell: Cell): CellResult | undefined
  write(
    cell: Cell,
    result: Pick<CellResult, 'status' | 'error' | 'measures' | 'scoredRound' | 'seconds'>,
  ): Promise<CellResult>
  /** Writes matrix.json over all cells of the lab. */
  finish(results: readonly CellResult[]): Promise<void>
}

export async function openMatrixFolder(path: string, lab: Lab): Promise<MatrixFolder> {
  const cellsFolder = join(path, 'cells')
  await makeFolder(cellsFolder)
  await writeFileAtomic(join(path, 'lab.yaml'), stringify({ ...lab, versions: versions() }))
  const known = new Map<string, CellResult>()
  for (const result of await readCells(path)) if (result.status === 'done') known.set(result.id, result)
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
      const metric = labMetric(lab)
      const axis = (key: keyof CellPlace) => [...new Set(results.map((result) => result[key]))]
      const matrix: Matrix & { readonly name: string } = {
        kind: 'tempered/matrix',
        name: lab.name,
        // Not for accuracy: files are then those of earlier versions.
        ...(metric.name === 'accuracy' ? {} : { metric: metric.name as MetricName }),
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
      await writeFileAtomic(join(path, MATRIX_FILE), `${JSON.stringify(matrix, null, 1)}\n`)
    },
  }
}

/** Every result in a folder, done or failed, in no order. */
export async function readCells(path: string): Promise<CellResult[]> {
  const cellsFolder = join(path, 'cells')
  const results: CellResult[] = []
  for (const name of await readdir(cellsFolder)) {
    if (!name.endsWith('.json')) continue
    const result = parseResult(await readFile(join(cellsFolder, name), 'utf8'))
    if (result !== undefined) results.push(result)
  }
  return results
}

/** The result of a cell that did not run. */
export function missingResult(cell: Cell): CellResult {
  return { ...placeOf(cell), id: cell.id, hash: cell.hash, status: 'missing', measures: null, seconds: null }
}

export function placeOf({ rule, attack, fraction, topology, split, seed }: CellPlace): CellPlace {
  return { rule, attack, fraction, topology, split, seed }
}

/** A file that is not a valid result is ignored: the cell is run again. */
function parseResult(text: string): CellResult | undefined {
  try {
    const value = JSON.parse(text) as Partial<CellResult> | null
    return typeof value?.id === 'string' && typeof value.hash === 'string' ? (value as CellResult) : undefined
  } catch {
    return undefined
  }
}
