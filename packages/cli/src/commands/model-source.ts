import { ledgerEntries, manifestTask, openBlobFolders, withInitialModel } from '@tempered/node'
import { decodeModel, type SignedEntry } from '@tempered/protocol'
import type { OpenTask } from '@tempered/train'
import { CliError } from '../errors.js'
import { entryOfRound, openValidLedger, type ValidLedger, warn } from './ledger-open.js'
import { blobFolders, nodeName, oneLedgerFile } from './ledger-paths.js'

/** A model of a run: the aggregate that a ledger entry names. */
export interface FoundModel {
  readonly ledger: ValidLedger
  readonly file: string
  /** Name of the node's folder. */
  readonly node: string
  readonly entry: SignedEntry
  readonly task: OpenTask
  readonly parameters: Float32Array
}

/**
 * The aggregate of a round (from 1; default: the last) of the ledger at `path`, which is checked first. Throws
 * E_UNPROVEN when the model is not on disk any more, and the errors of ledgers.
 */
export async function findModel(
  path: string,
  round: number | undefined,
  extraBlobs?: readonly string[],
): Promise<FoundModel> {
  const file = await oneLedgerFile(path)
  const ledger = await openValidLedger(file)
  const entry = round === undefined ? await lastEntry(ledger) : (await entryOfRound(ledger, round)).entry
  const { manifest } = ledger.run
  const folders = await blobFolders([file], extraBlobs)
  const lookup = withInitialModel(
    await openBlobFolders(folders, (bad) => warn(new Error(`${bad} does not match its name and is skipped`))),
    ledger.run,
  )
  const cid = entry.body.aggregate.toString()
  const bytes = await lookup(cid)
  if (bytes === undefined) {
    throw new CliError(
      'E_UNPROVEN',
      `${file}: the model of round ${entry.body.round + 1} (${cid}) is not on disk; nodes keep only those of their ` +
        'last rounds (`keepRounds`). Take a later round, or name a folder that has it with --blobs',
    )
  }
  return {
    ledger,
    file,
    node: nodeName(file),
    entry,
    task: manifestTask(manifest),
    parameters: decodeModel(bytes, manifest.model.parameterCount),
  }
}

async function lastEntry(ledger: ValidLedger): Promise<SignedEntry> {
  let last: SignedEntry | undefined
  for await (const entry of ledgerEntries(ledger.path)) last = entry
  if (last === undefined) {
    throw new CliError('E_USAGE', `${ledger.path} has no entry yet: no round of this node is over`)
  }
  return last
}
