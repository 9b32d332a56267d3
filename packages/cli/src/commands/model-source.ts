import { type LedgerModel, readLedgerModel } from '@tempered/lab/documents'
import { warn } from '../terminal/warning.js'
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
