import { manifestTask, openBlobFolders, withInitialModel } from '@tempered/node'
import { decodeModel, type SignedEntry } from '@tempered/protocol'
import type { OpenTask } from '@tempered/train'
import { LabError } from '../errors.js'
import { entryOfRound, lastEntry, openValidLedger, type ValidLedger } from './valid-ledger.js'

/** A model of a run: the aggregate that a ledger entry names. */
export interface LedgerModel {
  readonly ledger: ValidLedger
  readonly entry: SignedEntry
  readonly task: OpenTask
  readonly parameters: Float32Array
  /** Canonical bytes, whose hash the entry names. */
  readonly bytes: Uint8Array
}

export interface LedgerModelInit {
  /** Ledger file. */
  readonly file: string
  /** From 1; default: the last one of the ledger. */
  readonly round?: number | undefined
  /** Folders in which models are looked for. */
  readonly blobFolders: readonly string[]
  /** How users name other folders, for messages, e.g. `name its folder with --blobs`. */
  readonly otherFolders?: string
  /** A copy does not match its name and is skipped. Without it, that is an error. */
  onBadCopy?(path: string): void
}

/**
 * The aggregate of a round of a node, whose ledger is checked first, against the final heads next to it as well. Throws
 * E_LEDGER_INVALID; E_USAGE for a round that the ledger does not have; E_UNPROVEN when the model is not on disk any more;
 * and E_HASH_MISMATCH and the errors of final heads.
 */
export async function readLedgerModel(init: LedgerModelInit): Promise<LedgerModel> {
  const { file, round, blobFolders, otherFolders, onBadCopy } = init
  const ledger = await openValidLedger(file)
  const entry = round === undefined ? await lastEntry(ledger) : (await entryOfRound(ledger, round)).entry
  const { manifest } = ledger.run
  const lookup = withInitialModel(await openBlobFolders(blobFolders, onBadCopy), ledger.run)
  const cid = entry.body.aggregate.toString()
  const bytes = await lookup(cid)
  if (bytes === undefined) {
    throw new LabError(
      'E_UNPROVEN',
      `${file}: the model of round ${entry.body.round + 1} is not on disk; nodes keep only those of their last rounds ` +
        `(\`keepRounds\`). Take a later round, or find a copy of ${cid} and ${otherFolders ?? `put it into ${blobFolders[0]}`}`,
      { file, cid },
    )
  }
  return {
    ledger,
    entry,
    task: manifestTask(manifest),
    parameters: decodeModel(bytes, manifest.model.parameterCount),
    bytes,
  }
}
