import type { CellPool } from './cell-pool.js'
import type { Cell } from './cells.js'
import { type CellResult, type MatrixFolder, missingResult } from './matrix-folder.js'

export interface MatrixInit {
  readonly cells: readonly Cell[]
  readonly folder: MatrixFolder
  readonly pool: CellPool
  /** False for a shard: matrix.json is then left to `mergeMatrix`. Default true. */
  readonly isWhole?: boolean
  /** Called after every cell that runs, but not for cells of earlier runs. */
  onCell(result: CellResult, progress: MatrixProgress): void
}

export interface MatrixProgress {
  /** Cells that are done or have failed, including those of earlier runs. */
  readonly finished: number
  readonly failed: number
  readonly total: number
}

/** A running matrix. */
export interface MatrixRun {
  /** Cells that an earlier run completed. */
  readonly kept: number
  /** Resolves with the results of all cells, in their order; after `stop`, those that did not run are missing. */
  readonly done: Promise<readonly CellResult[]>
}

/** Runs the cells that are not done yet. Each result is written as soon as the cell is finished. */
export function startMatrix(init: MatrixInit): MatrixRun {
  const { cells, folder, pool, onCell } = init
  const earlier = new Map(cells.map((cell) => [cell, folder.find(cell)]))
  const kept = [...earlier.values()].filter((result) => result !== undefined).length
  let finished = kept
  let failed = 0

  const runCell = async (cell: Cell): Promise<CellResult> => {
    const known = earlier.get(cell)
    if (known !== undefined) return known
    const reply = await pool.run({ id: cell.id, scenario: cell.scenario })
    if ('error' in reply && reply.error.code === 'E_STOPPED') return missingResult(cell)
    const result = await folder.write(
      cell,
      'error' in reply
        ? {
            status: 'failed',
            error: `${reply.error.code}: ${reply.error.message}`,
            measures: null,
            seconds: null,
          }
        : {
            status: 'done',
            measures: reply.measures,
            scoredRound: reply.scoredRound,
            seconds: reply.seconds,
          },
    )
    finished += 1
    if (result.status === 'failed') failed += 1
    onCell(result, { finished, failed, total: cells.length })
    return result
  }

  const done = Promise.all(cells.map(runCell)).then(async (results) => {
    if (init.isWhole !== false) await folder.finish(results)
    return results
  })
  return { kept, done }
}
