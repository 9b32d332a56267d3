import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createCellPool } from '../matrix/cell-pool.js'
import { selectCells } from '../matrix/cell-selection.js'
import { cellsOf } from '../matrix/cells.js'
import { type MatrixProgress, startMatrix } from '../matrix/matrix.js'
import { type CellResult, openMatrixFolder } from '../matrix/matrix-folder.js'
import { type LabInput, readLab } from './read-input.js'

export interface RunMatrixOptions {
  /** Folder for the results; cells that it holds already are not run again. Default `runs/<name>`. */
  readonly folder?: string
  /** Number of cells that run at the same time, each in its own process. Default: one per core. */
  readonly parallel?: number
  /** Only these rules and attacks, by the names that tables show. */
  readonly rules?: readonly string[]
  readonly attacks?: readonly string[]
  /** Stops the matrix; cells that did not finish are `missing` in the result. */
  readonly signal?: AbortSignal
  /** After every cell that ran. */
  onCell?(cell: CellResult, progress: MatrixProgress): void
}

export interface MatrixResult {
  readonly folder: string
  /** In the order of the lab. */
  readonly cells: readonly CellResult[]
  readonly failed: readonly CellResult[]
}

/**
 * Runs every combination of a lab as a simulation, as `tempered lab matrix` does. A failed cell is a result, not an
 * error. `writeMatrixReport` of @tempered/report turns the folder into a page.
 *
 * @param lab path of a lab file, or its content as an object
 * @throws LabError E_CONFIG, E_FILE or E_MODULE
 * @example
 * const { cells } = await runMatrix('scenarios/labs/balance-style.yaml')
 * for (const { rule, attack, measures } of cells) console.log(rule, attack, measures?.worstHonestAccuracy)
 */
export async function runMatrix(
  lab: string | LabInput,
  options: RunMatrixOptions = {},
): Promise<MatrixResult> {
  const parsed = await readLab(lab)
  const path = options.folder ?? join('runs', parsed.name)
  const cells = selectCells(cellsOf(parsed), { rules: options.rules, attacks: options.attacks })
  const folder = await openMatrixFolder(path, parsed)
  options.signal?.throwIfAborted()
  const pool = createCellPool(Math.min(options.parallel ?? availableParallelism(), cells.length))
  const stop = (): void => pool.stop()
  options.signal?.addEventListener('abort', stop, { once: true })
  try {
    const { done } = startMatrix({
      cells,
      folder,
      pool,
      onCell: (cell, progress) => options.onCell?.(cell, progress),
    })
    const results = await done
    return { folder: path, cells: results, failed: results.filter(({ status }) => status === 'failed') }
  } finally {
    options.signal?.removeEventListener('abort', stop)
    pool.stop()
  }
}
