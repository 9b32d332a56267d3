import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type ChainVerifier,
  createChainVerifier,
  decodeAnnouncement,
  decodeEntry,
  documentCid,
  isChangeable,
  isChangeBlock,
  LIMITS,
  openManifest,
  type Run,
  type SignedEntry,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { problemOf } from '../epochs/run-rules.js'
import { readCarHeader } from './car.js'
import { carSections, windowedReader } from './car-log.js'
import { ANNOUNCEMENTS_FILE, MAX_LEDGER_BLOCK_BYTES } from './ledger.js'

/**
 * The entries of a ledger file, oldest first, one in memory at a time. Fields are checked, hashes and signatures are
 * not: for files that `verifyLedgerFile` has passed. Throws CarError, ProtocolError.
 */
export async function* ledgerEntries(path: string): AsyncGenerator<SignedEntry> {
  for await (const { entry } of ledgerBlocks(path)) if (entry !== undefined) yield entry
}

/** A block of a ledger after its manifest: an entry, or a change of the run. */
export interface LedgerBlock {
  readonly cid: CID
  readonly bytes: Uint8Array
  readonly entry: SignedEntry | undefined
}

const asBlock = (entry: SignedEntry): LedgerBlock => ({ cid: entry.cid, bytes: entry.bytes, entry })

/** The same with the changes of the run that stand between them. */
export async function* ledgerBlocks(path: string): AsyncGenerator<LedgerBlock> {
  let manifest = true
  for await (const bytes of blocks(path, MAX_LEDGER_BLOCK_BYTES)) {
    if (!manifest)
      yield isChangeBlock(bytes)
        ? { cid: documentCid(bytes), bytes, entry: undefined }
        : asBlock(decodeEntry(bytes))
    manifest = false
  }
}

/** The run of a ledger file after all changes in it, which are checked. Throws CarError, ProtocolError. */
export async function readLedgerEpoch(path: string): Promise<Run | undefined> {
  let chain: ChainVerifier | undefined
  for await (const bytes of blocks(path, MAX_LEDGER_BLOCK_BYTES)) {
    if (chain === undefined) {
      const run = openManifest(bytes)
      if (!isChangeable(run)) return run
      chain = createChainVerifier(run, undefined, { problemOf })
    } else if (isChangeBlock(bytes)) chain.acceptChange(bytes)
  }
  return chain?.run
}

/**
 * The author of a ledger without entries: that of the first announcement next to it; undefined when there is none.
 */
export async function announcementsAuthor(ledgerPath: string): Promise<string | undefined> {
  try {
    const path = join(dirname(ledgerPath), ANNOUNCEMENTS_FILE)
    for await (const bytes of blocks(path, LIMITS.maxAnnouncementBytes)) {
      return decodeAnnouncement(bytes).body.author
    }
  } catch {
    // A missing or damaged file does not identify the author.
  }
  return undefined
}

async function* blocks(path: string, maxBytes: number): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { end } = await readCarHeader(windowedReader(file))
    for await (const section of carSections(file, end, maxBytes)) yield section.bytes.slice()
  } finally {
    await file.close()
  }
}
