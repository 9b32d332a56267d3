import type { Run, SignedEntry } from '@tempered/protocol'
import type { AnnouncementIndex } from './announcement-index.js'
import type { BlobLookup } from './blob-folders.js'
import type { Difference } from './difference.js'
import { ledgerEntries } from './read-entries.js'
import { createReplay } from './replay.js'

/** A round whose entry differs from its replay. */
export interface WrongRound {
  /** 0-based. */
  readonly round: number
  readonly difference: Difference
  readonly entry: SignedEntry
  /** The previous entry; undefined for the first. */
  readonly parent: SignedEntry | undefined
}

/** The result of replaying a ledger. */
export interface LedgerAudit {
  /** Number of rounds whose replay agrees with the entry, bit for bit. */
  readonly agrees: number
  /** Rounds (0-based) that could not be replayed, and the CIDs of the missing blobs. */
  readonly unproven: readonly { readonly round: number; readonly missing: readonly string[] }[]
  readonly wrong: readonly WrongRound[]
}

export interface AuditInit {
  readonly run: Run
  /** A ledger file that `verifyLedgerFile` has passed. */
  readonly path: string
  readonly blobs: BlobLookup
  /** 0-based; undefined for all rounds. */
  readonly round: number | undefined
  /** Collects every announcement in the entries. */
  readonly announcements: AnnouncementIndex
}

/** Replays the rounds of a ledger, one entry in memory at a time. Throws what reading blobs throws. */
export async function auditLedger(init: AuditInit): Promise<LedgerAudit> {
  const replay = createReplay(init.run, init.blobs)
  let agrees = 0
  const unproven: { round: number; missing: readonly string[] }[] = []
  const wrong: WrongRound[] = []
  let parent: SignedEntry | undefined
  for await (const entry of ledgerEntries(init.path)) {
    const { round } = entry.body
    if (init.round === undefined || init.round === round) {
      noteAll(entry, init.announcements)
      const finding = await replay.check(entry, parent)
      if (finding.status === 'agrees') agrees += 1
      else if (finding.status === 'unproven') unproven.push({ round, missing: finding.missing })
      else wrong.push({ round, difference: finding.difference, entry, parent })
    }
    parent = entry
  }
  return { agrees, unproven, wrong }
}

/** Adds every announcement in an entry to an index, including the author's own. */
export function noteAll({ body }: SignedEntry, announcements: AnnouncementIndex): void {
  announcements.note(body.announcement, body.author)
  for (const { announcement } of body.neighbours)
    if (announcement !== null) announcements.note(announcement, body.author)
}
