import { stat } from 'node:fs/promises'
import { readInitial } from '@tempered/lab/documents'
import { initialProcessParameters, type OpenTask } from '@tempered/train'
import { exportedModelIn, requireLayout } from '@tempered/train/import'
import { loadNodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { findModel } from './model-source.js'
import { processSettings } from './node-learner.js'

/**
 * The model that --initial names: a file, a folder of `model export`, or a round (from 1; default: the last) of a
 * node's state, whose ledger is checked. Throws E_USAGE, E_IMPORT and the errors of ledgers.
 */
export async function givenModel(
  path: string,
  round: number | undefined,
  task: OpenTask,
): Promise<Float32Array> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true
  if (!path.endsWith('.car') && (!isFolder || (await exportedModelIn(path)) !== undefined)) {
    if (round === undefined) return readInitial(path, task)
    throw new CliError(
      'E_USAGE',
      `--initial-round: ${path} is one model, not the state of a node; leave it out`,
    )
  }
  const found = await findModel(path, round)
  requireLayout(`--initial ${path}`, found.task.task.layout, task)
  return found.parameters
}

/** The parameters with which the trainer process of a node begins. Throws E_USAGE when the node has none. */
export async function trainerModel(path: string, task: OpenTask, seed: number): Promise<Float32Array> {
  const config = await loadNodeConfig(path)
  if (config.trainer === undefined)
    throw new CliError('E_USAGE', `--trainer ${path}: ${config.file} has no key trainer (docs/trainers.md)`)
  return initialProcessParameters({
    ...processSettings(config.file, config.trainer),
    task,
    // It is asked for no node of the run: parameters follow from the seed alone.
    nodeId: -1,
    seed,
    onLog: (line) => process.stderr.write(`trainer: ${line}\n`),
  })
}
