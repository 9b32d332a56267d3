import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { counted } from '@tempered/errors'
import { LabError } from '../errors.js'
import { cellsOf } from './cells.js'
import type { Lab } from './lab-schema.js'
import { type CellResult, missingResult, openMatrixFolder, readCells } from './matrix-folder.js'

export interface MergedMatrix {
  /** In the order of the lab. */
  readonly cells: readonly CellResult[]
  /** Cells that no folder has finished: neither done nor failed. */
  readonly missing: readonly CellResult[]
  readonly failed: readonly CellResult[]
}

/**
 * Collects the cells of a lab from the folders of its shards into one folder, and writes matrix.json over all of them.
 * A cell counts only if it is exactly that of this lab: its hash covers everything it depends on. Of a cell that one
 * folder has as failed and another as done, the finished one is taken.
 *
 * @throws LabError E_FILE for a folder without cells, or with cells of other labs alone
 */
export async function mergeMatrix(lab: Lab, folders: readonly string[], out: string): Promise<MergedMatrix> {
  const cells = cellsOf(lab)
  const hashes = new Map(cells.map(({ id, hash }) => [id, hash]))
  const found = new Map<string, CellResult>()
  for (const folder of folders) {
    if (!(await isFolder(join(folder, 'cells'))))
      throw new LabError(
        'E_FILE',
        `${folder}: holds no results of a matrix (cells/); name the --out of a shard`,
      )
    const results = await readCells(folder)
    const fitting = results.filter(({ id, hash }) => hashes.get(id) === hash)
    if (results.length > 0 && fitting.length === 0)
      throw new LabError(
        'E_FILE',
        `${folder}: its ${counted(results.length, 'cell is', 'cells are')} of another lab or another version of this one; ` +
          'give the lab file, and --seeds and --rounds if they were given, with which the shards ran',
      )
    for (const result of fitting) if (found.get(result.id)?.status !== 'done') found.set(result.id, result)
  }
  const target = await openMatrixFolder(out, lab)
  const results: CellResult[] = []
  for (const cell of cells) {
    const { status = 'missing', error, measures = null, seconds = null } = found.get(cell.id) ?? {}
    results.push(
      status === 'missing'
        ? missingResult(cell)
        : await target.write(cell, { status, ...(error === undefined ? {} : { error }), measures, seconds }),
    )
  }
  await target.finish(results)
  return {
    cells: results,
    missing: results.filter(({ status }) => status === 'missing'),
    failed: results.filter(({ status }) => status === 'failed'),
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() === true
}
