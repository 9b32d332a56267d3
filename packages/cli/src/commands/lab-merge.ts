import { resolve } from 'node:path'
import { counted } from '@tempered/errors'
import { loadLab, mergeMatrix } from '@tempered/lab/matrix'
import { CliError } from '../errors.js'
import { requireDone, withOptions, writeResults } from './lab-matrix.js'

export interface LabMergeOptions {
  readonly out?: string
  readonly seeds?: number[]
  readonly rounds?: number
  readonly allowMissing?: boolean
}

/** `tempered lab merge`: exit code 0 when every cell is done, 7 when some failed or are missing. */
export async function labMerge(
  file: string,
  folders: readonly string[],
  options: LabMergeOptions,
): Promise<void> {
  const lab = withOptions(await loadLab(file), options)
  const out = resolve(options.out ?? folders[0]!)
  const { cells, missing } = await mergeMatrix(lab, folders, out)
  await writeResults(out, lab, cells, process.stdout)
  requireDone(cells)
  if (missing.length === 0 || options.allowMissing) return
  throw new CliError(
    'E_NODES_FAILED',
    `${missing.length} of ${counted(cells.length, 'cell')} missing: run their shards again with the same command, ` +
      'which does only what is left, or give --allow-missing',
  )
}
