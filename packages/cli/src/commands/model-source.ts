import { basename } from 'node:path'
import { type LedgerModel, readLedgerModel } from '@tempered/lab/documents'
import { CliError } from '../errors.js'
import { deliveredModel, isJobFolder } from '../settlement/delivered-model.js'
import { warn } from '../terminal/warning.js'
import { fetchedModel } from './fetched-model.js'
import { blobFolders, nodeName, oneLedgerFile } from './ledger-paths.js'

/** A model of a run, and where it was found. */
export interface FoundModel extends LedgerModel {
  readonly file: string
  /** Name of the node's folder. */
  readonly node: string
}

/**
 * The aggregate of a round (from 1; default: the last) of the ledger at `path`, which is checked first. `blobs`: what
 * --blobs names, of a command that has it. Throws E_FILE, E_USAGE, and as `readLedgerModel`.
 */
export async function findModel(
  path: string,
  round: number | undefined,
  blobs?: { readonly extra: readonly string[] | undefined },
): Promise<FoundModel> {
  if (await isJobFolder(path))
    throw new CliError(
      'E_FILE',
      `${path}: holds the model of a paid job and no ledger to prove where it comes from; use its model.safetensors, ` +
        'or measure it with `tempered model eval`',
      { path },
    )
  const file = await oneLedgerFile(path)
  const found = await readLedgerModel({
    file,
    round,
    blobFolders: await blobFolders([file], blobs?.extra),
    ...(blobs === undefined ? {} : { otherFolders: 'name its folder with --blobs' }),
    onBadCopy: (bad) => warn(new Error(`${bad} does not match its name and is skipped`)),
  })
  return { ...found, file, node: nodeName(file) }
}

/** A model that is measured or used, wherever it comes from. */
export interface UsableModel extends Pick<FoundModel, 'task' | 'parameters'> {
  /** Name of the node's folder, or of the job's. */
  readonly node: string
  /** From 1; undefined for the model of a job, and for one that was fetched. */
  readonly round: number | undefined
}

/**
 * As `findModel`, and the model of a paid job in the folder of `job post`, or that of a folder of `model fetch`. Throws as
 * `findModel`, and CliError E_USAGE.
 */
export async function findUsable(
  path: string,
  round: number | undefined,
  blobs: readonly string[] | undefined,
): Promise<UsableModel> {
  const given = (await deliveredModel(path)) ?? (await fetchedModel(path))
  if (given === undefined) {
    const found = await findModel(path, round, { extra: blobs })
    return { ...found, round: found.entry.body.round + 1 }
  }
  if (round !== undefined) throw new CliError('E_USAGE', `--round: ${path} has one model; leave it out`)
  return { ...given, node: basename(path), round: undefined }
}
