import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { manifestTask } from '@tempered/node'
import { blobCid, decodeCanonical, decodeModel, LIMITS } from '@tempered/protocol'
import type { OpenTask } from '@tempered/train'
import { CliError } from '../errors.js'
import { loadSettlement } from './load-settlement.js'

/** Files in the folder of a job; see user-job.ts. */
export const DOCUMENT_FILE = 'job.cbor'
const MODEL_ENDING = '.model'

export interface DeliveredModel {
  readonly task: OpenTask
  readonly parameters: Float32Array
}

/** Whether a folder is that of `job post`, and of no ledger. */
export async function isJobFolder(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((): string[] => [])
  return names.includes(DOCUMENT_FILE) && !names.includes('state')
}

/**
 * The model that was delivered into the folder of `job post`, whose bytes must have the hash in its name; undefined for any
 * other folder. Throws CliError E_FILE.
 */
export async function deliveredModel(folder: string): Promise<DeliveredModel | undefined> {
  const names = await readdir(folder).catch((): string[] => [])
  if (!names.includes(DOCUMENT_FILE)) return undefined
  const file = names.find((name) => name.endsWith(MODEL_ENDING))
  if (file === undefined)
    throw new CliError(
      'E_FILE',
      `${folder}: no model has been delivered; unless the job was refunded, wait for it with \`tempered job resume ${folder}\``,
    )
  const { sampleRunOf, sealJob } = await loadSettlement()
  const document = new Uint8Array(await readFile(join(folder, DOCUMENT_FILE)))
  const { manifest } = sampleRunOf(sealJob(decodeCanonical(document, LIMITS.maxManifestBytes, 'job')), 4)
  const bytes = new Uint8Array(await readFile(join(folder, file)))
  if (`${blobCid(bytes)}${MODEL_ENDING}` !== file)
    throw new CliError(
      'E_FILE',
      `${join(folder, file)}: is damaged: its content does not match the hash in its name; restore it from a copy`,
    )
  // A copy that begins where numbers may.
  const parameters = Float32Array.from(decodeModel(bytes, manifest.model.parameterCount))
  return { task: manifestTask(manifest), parameters }
}
