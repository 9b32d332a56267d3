import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { counted } from '@tempered/errors'
import { documentError } from '@tempered/lab/documents'
import {
  type Cell,
  type CellResult,
  cellsOf,
  checkLab,
  createCellPool,
  type Lab,
  labMetric,
  loadLab,
  openMatrixFolder,
  parseShard,
  representatives,
  selectCells,
  shardOf,
  startMatrix,
} from '@tempered/lab/matrix'
import { createSourceLoader, planRun, scenarioSchema } from '@tempered/lab/scenario'
import { writeMatrixReport } from '@tempered/report'
import { createTopology } from '@tempered/robust-agg/topology'
import { cacheFolder } from '@tempered/train'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import { warnOfIdleAttacks } from '../terminal/idle-attacks.js'
import { createMatrixProgress } from '../terminal/matrix-progress.js'
import { renderMatrix } from '../terminal/matrix-text.js'
import { warnOfParts } from '../terminal/parts-warning.js'
import { widthOf } from '../terminal/table.js'

export interface LabMatrixOptions {
  readonly out?: string
  readonly parallel?: number
  readonly seeds?: number[]
  readonly rounds?: number
  /** Names of rules and attacks, as in tables. */
  readonly rule?: string[]
  readonly attack?: string[]
  /** `part/parts`: only this part of the cells. */
  readonly shard?: string
  readonly json?: boolean
}

/** `tempered lab matrix`: exit code 0 when every cell is done, 7 when some failed. */
export async function labMatrix(file: string, options: LabMatrixOptions): Promise<void> {
  const lab = withOptions(await loadLab(file), options)
  const isChanged = options.seeds !== undefined || options.rounds !== undefined
  const wrong = isChanged ? checkLab(lab) : []
  if (wrong.length > 0) throw await documentError(file, wrong)
  const all = cellsOf(lab)
  const wanted = new Set(selectCells(all, { rules: options.rule, attacks: options.attack }))
  await requirePlans([...wanted], file)
  warnOfCells([...wanted])
  const path = resolve(options.out ?? join('runs', lab.name))
  const folder = await openMatrixFolder(path, lab)
  // Finished cells stay in the results, whether or not they are selected.
  const kept = all.filter((cell) => wanted.has(cell) || folder.find(cell) !== undefined)
  const shard = options.shard === undefined ? undefined : parseShard(options.shard)
  const cells = shard === undefined ? kept : shardOf([...wanted], shard)
  const parallel = Math.min(options.parallel ?? availableParallelism(), cells.length)
  const pool = createCellPool(parallel)
  const progress = createMatrixProgress(process.stderr, labMetric(lab), parallel)
  const matrix = startMatrix({
    cells,
    folder,
    pool,
    isWhole: shard === undefined,
    onCell(result, state) {
      if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
      progress.cell(result, state)
    },
  })
  progress.note(
    `${shard === undefined ? '' : `shard ${options.shard}: `}${counted(cells.length, 'cell')}, ${parallel} at the same time${matrix.kept > 0 ? `; ${counted(matrix.kept, 'is', 'are')} already done` : ''}`,
  )
  const interruption = onInterrupt(async () => pool.stop())
  const results = await matrix.done
  interruption.dispose()
  pool.stop()
  progress.close()
  const out = options.json ? process.stderr : process.stdout
  if (shard === undefined) await writeResults(path, lab, results, out)
  else
    out.write(
      `results: ${relative('.', path)}   once all shards are done: tempered lab merge ${file} ${relative('.', path)}\n`,
    )
  if (interruption.exitCode !== undefined) {
    out.write(pc.dim('stopped; the same command continues from here\n'))
    process.exitCode = interruption.exitCode
    return
  }
  requireDone(results)
}

/** Writes the report of a matrix and prints its table. */
export async function writeResults(
  path: string,
  lab: Lab,
  results: readonly CellResult[],
  out: NodeJS.WriteStream,
): Promise<void> {
  await writeMatrixReport(path)
  out.write(
    `${renderMatrix(results, labMetric(lab), widthOf(out)).join('\n')}\n\nresults: ${relative('.', path)}   report: ${relative('.', join(path, 'report.html'))}\n`,
  )
}

/** Throws E_NODES_FAILED when cells have failed. */
export function requireDone(results: readonly CellResult[]): void {
  const failed = results.filter((result) => result.status === 'failed')
  if (failed.length === 0) return
  const names = failed.map((cell) => `${cell.id}: ${cell.error}`)
  throw new CliError(
    'E_NODES_FAILED',
    `${failed.length} of ${counted(results.length, 'cell')} failed:\n${names.join('\n')}`,
  )
}

export function withOptions(lab: Lab, { seeds, rounds }: Pick<LabMatrixOptions, 'seeds' | 'rounds'>): Lab {
  const { training } = lab.scenario
  return {
    ...lab,
    axes: { ...lab.axes, seeds: seeds ?? lab.axes.seeds },
    scenario: { ...lab.scenario, training: { ...training, rounds: rounds ?? training.rounds } },
  }
}

/** Once for each topology of the lab. */
function warnOfCells(cells: readonly Cell[]): void {
  const seen = new Set<string>()
  const said = new Set<string>()
  for (const { topology, scenario } of representatives(cells)) {
    warnOfIdleAttacks(scenarioSchema.parse(scenario), said)
    if (seen.has(topology)) continue
    seen.add(topology)
    const { topology: spec, nodes, seed } = scenarioSchema.parse(scenario)
    warnOfParts(createTopology(spec, nodes, seed), `${topology}: `)
  }
}

/** Throws E_CONFIG before anything runs if the data are not sufficient for a cell. */
async function requirePlans(cells: readonly Cell[], file: string): Promise<void> {
  const load = createSourceLoader(cacheFolder())
  for (const { rule, attack, scenario } of representatives(cells)) {
    const parsed = scenarioSchema.parse(scenario)
    try {
      planRun(parsed, await load(parsed))
    } catch (error) {
      throw new CliError(
        'E_CONFIG',
        `${file}: ${rule} × ${attack}: ${(error as Error).message}`,
        { file },
        error,
      )
    }
  }
}
