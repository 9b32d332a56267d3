import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorMessage } from '@tempered/errors'
import { LEDGER_FILE } from '@tempered/node'
import type { OpenTask } from '@tempered/train'
import { exportedModelIn, readModelParameters, requireLayout } from '@tempered/train/import'
import { LabError } from '../errors.js'
import { readLedgerModel } from './ledger-model.js'
import { isModuleFile, moduleInitial } from './task-module.js'

/**
 * The parameters that a run of this task begins with: from a model file, a task module, a folder of `model export`, or
 * the last aggregate of a node's state folder. Throws LabError E_FILE, E_MODULE, and as {@link readLedgerModel};
 * TrainError E_IMPORT with both shapes for a model of another form.
 */
export async function readInitial(path: string, open: OpenTask): Promise<Float32Array> {
  if (isModuleFile(path)) return moduleInitial(path, open)
  const info = await stat(path).catch((error) => {
    throw new LabError('E_FILE', `${path}: ${errorMessage(error)}`, { path }, error)
  })
  if (!info.isDirectory()) return readModelParameters(path, open)
  const exported = await exportedModelIn(path)
  if (exported !== undefined) return readModelParameters(exported, open)
  for (const folder of [path, join(path, 'state')])
    if (await isFile(join(folder, LEDGER_FILE))) return lastAggregate(folder, open)
  throw new LabError(
    'E_FILE',
    `${path}: this folder holds neither a model of \`model export\` nor the ledger of a node; name one that does`,
    { path },
  )
}

/** The last aggregate of the node with this state folder. */
async function lastAggregate(folder: string, open: OpenTask): Promise<Float32Array> {
  const file = join(folder, LEDGER_FILE)
  const { task, parameters } = await readLedgerModel({ file, blobFolders: [join(folder, 'blobs')] })
  requireLayout(folder, task.task.layout, open)
  return parameters
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}
