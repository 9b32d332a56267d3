import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorMessage } from '@tempered/errors'
import { LEDGER_FILE, manifestTask, runTopology, verifyLedgerFile } from '@tempered/node'
import { blobCid, decodeModel, type Run, type SignedEntry } from '@tempered/protocol'
import type { OpenTask } from '@tempered/train'
import { exportedModelIn, readModelParameters, requireLayout } from '@tempered/train/import'
import { LabError } from '../errors.js'
import { isModuleFile, moduleInitial } from './task-module.js'

/**
 * The parameters that a run of this task begins with: from a model file, a task module, a folder of `model export`, or
 * the last aggregate of a node's state folder, whose ledger is checked. Throws LabError E_FILE, E_MODULE,
 * E_LEDGER_INVALID; TrainError E_IMPORT with both shapes for a model of another form.
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

async function lastAggregate(folder: string, open: OpenTask): Promise<Float32Array> {
  let last: { readonly entry: SignedEntry; readonly run: Run } | undefined
  const path = join(folder, LEDGER_FILE)
  const verdict = await verifyLedgerFile(
    path,
    (entry, run) => {
      last = { entry, run }
    },
    (run) => runTopology(run).neighboursOf,
  )
  if (!verdict.ok)
    throw new LabError('E_LEDGER_INVALID', `${path}: ${verdict.code}: ${verdict.message}`, { path })
  if (last === undefined) throw new LabError('E_FILE', `${path}: no round of this node is over`, { path })
  const { entry, run } = last
  requireLayout(folder, manifestTask(run.manifest).task.layout, open)
  const cid = entry.body.aggregate.toString()
  const file = join(folder, 'blobs', cid)
  const bytes = await readFile(file).catch((error) => {
    throw new LabError('E_FILE', `${file}: ${errorMessage(error)}`, { path: file }, error)
  })
  if (blobCid(bytes).toString() !== cid)
    throw new LabError('E_FILE', `${file}: does not match its name; restore it from a copy`, { path: file })
  return decodeModel(new Uint8Array(bytes), run.manifest.model.parameterCount)
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}
