import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type ChainVerifier,
  createChainVerifier,
  decodeAnnouncement,
  documentCid,
  LIMITS,
  openManifest,
  type Run,
  type RunChange,
  type SignedAnnouncement,
  type SignedEntry,
  verifyAnnouncement,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { problemOf } from '../epochs/run-rules.js'
import { NodeError } from '../errors.js'
import { type CarSection, encodeCarHeader, encodeCarSection, readCarHeader } from './car.js'
import { carSections, type OpenedCarLog, openCarLog, windowedReader } from './car-log.js'

/** A node's own hash chain on disk, and every announcement it has signed in this run. */
export interface Ledger {
  readonly length: number
  /** CID of the newest entry, or the run id. */
  readonly head: CID
  readonly last: SignedEntry | undefined
  /** The run after all changes in the ledger. */
  readonly run: Run
  /** The newest announcement that was signed, whether or not its round has an entry. */
  readonly lastAnnouncement: SignedAnnouncement | undefined
  /** Bytes of torn appends that opening set aside. */
  readonly recoveredBytes: number
  /**
   * Bytes of the entries from `height` on, at most `count`, each after the changes that stand before it; fewer at the end.
   */
  entries(height: number, count: number): Promise<readonly Uint8Array[]>
  /** On disk before it resolves. Throws what the chain verifier throws for an invalid entry. */
  append(entry: SignedEntry): Promise<void>
  /** Writes a decided change, which holds for all entries after it. On disk before it resolves. Throws as the chain verifier. */
  adopt(change: RunChange): Promise<void>
  /** On disk before it resolves, so that the node never signs two models for one round. */
  recordAnnouncement(announcement: SignedAnnouncement): Promise<void>
  close(): Promise<void>
}

export const LEDGER_FILE = 'ledger.car'
export const ANNOUNCEMENTS_FILE = 'announcements.car'

/** The largest block of a ledger. */
export const MAX_LEDGER_BLOCK_BYTES = Math.max(
  LIMITS.maxManifestBytes,
  LIMITS.maxEntryBytes,
  LIMITS.maxChangeBytes,
)

/** Where a block is in the file. */
interface Span {
  readonly start: number
  readonly end: number
}

/** Where an entry is, and the changes that stand between it and the one before. */
interface Place extends Span {
  readonly before: readonly Span[]
}

/** What gets the contents of a ledger while it is opened. */
export interface LedgerVisitor {
  entry?(entry: SignedEntry): void
  announcement?(announcement: SignedAnnouncement): void
}

/**
 * Opens or creates the ledger of `author` in the state folder and passes every entry in it, then every announcement, to
 * `visit`, oldest first. Throws E_WRONG_RUN, E_STATE_CORRUPT, E_IO.
 */
export async function openLedger(
  folder: string,
  run: Run,
  author: string,
  visit: LedgerVisitor = {},
): Promise<Ledger> {
  const path = join(folder, LEDGER_FILE)
  const verifier: ChainVerifier = createChainVerifier(run, author, { problemOf })
  let blocks = 0
  /** Where the next section begins, and the position of each entry's block in the file. */
  let fileEnd = 0
  const places: Place[] = []
  /** Of changes after the newest entry. */
  let before: Span[] = []
  const visitEntry = (section: CarSection): void => {
    const span = { start: section.end - section.bytes.byteLength, end: section.end }
    if (blocks === 0) {
      if (!section.cid.equals(run.id)) throw corrupt(path, section, 'the first block is not the run manifest')
    } else {
      try {
        const entry = verifier.acceptBlock(section.bytes.slice())
        if (entry === undefined) before.push(span)
        else {
          visit.entry?.(entry)
          places.push({ ...span, before })
          before = []
        }
      } catch (error) {
        throw corrupt(path, section, (error as Error).message)
      }
    }
    blocks += 1
    fileEnd = section.end
  }
  const entries = await openCarLog(path, run.id, MAX_LEDGER_BLOCK_BYTES, visitEntry)
  const announcementsPath = join(folder, ANNOUNCEMENTS_FILE)
  let lastAnnouncement: SignedAnnouncement | undefined
  const visitAnnouncement = (section: CarSection): void => {
    try {
      const announcement = decodeAnnouncement(section.bytes.slice())
      verifyAnnouncement(announcement)
      const { body } = announcement
      if (body.author !== author || body.round <= (lastAnnouncement?.body.round ?? -1))
        throw new RangeError(`round ${body.round} of ${body.author} is out of order`)
      lastAnnouncement = announcement
      visit.announcement?.(announcement)
    } catch (error) {
      throw corrupt(announcementsPath, section, (error as Error).message)
    }
  }
  let announcements: OpenedCarLog
  try {
    if (blocks === 0) {
      await entries.log.append(run.id, run.bytes)
      fileEnd = encodeCarHeader(run.id).byteLength + encodeCarSection(run.id, run.bytes).byteLength
    }
    announcements = await openCarLog(
      announcementsPath,
      run.id,
      LIMITS.maxAnnouncementBytes,
      visitAnnouncement,
    )
  } catch (error) {
    await entries.log.close()
    throw error
  }
  const write = async (cid: CID, bytes: Uint8Array): Promise<Span> => {
    await entries.log.append(cid, bytes)
    fileEnd += encodeCarSection(cid, bytes).byteLength
    return { start: fileEnd - bytes.byteLength, end: fileEnd }
  }
  /** Set before the write, so that two concurrent calls cannot both sign for a round. */
  let newestRound = lastAnnouncement?.body.round ?? -1

  return {
    get length() {
      return verifier.length
    },
    get head() {
      return verifier.head
    },
    get last() {
      return verifier.last
    },
    get run() {
      return verifier.run
    },
    get lastAnnouncement() {
      return lastAnnouncement
    },
    recoveredBytes: entries.recoveredBytes + announcements.recoveredBytes,
    async append(entry) {
      verifier.acceptOwn(entry)
      const span = await write(entry.cid, entry.bytes)
      places.push({ ...span, before })
      before = []
    },
    async adopt({ bytes }) {
      verifier.acceptChange(bytes)
      before.push(await write(documentCid(bytes), bytes))
    },
    async entries(height, count) {
      const wanted = places.slice(height, height + count)
      if (wanted.length === 0) return []
      const file = await open(path, 'r')
      try {
        const blocks: Uint8Array[] = []
        for (const { start, end } of wanted.flatMap((place) => [...place.before, place])) {
          const block = new Uint8Array(end - start)
          await file.read(block, 0, block.byteLength, start)
          blocks.push(block)
        }
        return blocks
      } finally {
        await file.close()
      }
    },
    async recordAnnouncement(announcement) {
      const { round } = announcement.body
      requireFirst(round, newestRound)
      newestRound = round
      await announcements.log.append(documentCid(announcement.bytes), announcement.bytes)
      lastAnnouncement = announcement
    },
    async close() {
      await entries.log.close()
      await announcements.log.close()
    },
  }
}

/** Throws E_STATE_CORRUPT if an announcement was already signed for this round or a later one. */
export function requireFirst(round: number, newestRound: number): void {
  if (round > newestRound) return
  throw new NodeError(
    'E_STATE_CORRUPT',
    `refusing to sign a second announcement for round ${round}: announcements up to round ${newestRound} are already signed`,
  )
}

/** The run of the ledger in a state folder as its manifest was made, or undefined when there is none yet. Throws CarError, ProtocolError. */
export async function readLedgerRun(folder: string): Promise<Run | undefined> {
  const file = await open(join(folder, LEDGER_FILE), 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (file === undefined) return undefined
  try {
    const header = await readCarHeader(windowedReader(file))
    for await (const section of carSections(file, header.end, LIMITS.maxManifestBytes)) {
      return openManifest(section.bytes.slice())
    }
    return undefined
  } finally {
    await file.close()
  }
}

function corrupt(path: string, section: CarSection, what: string): NodeError {
  return new NodeError(
    'E_STATE_CORRUPT',
    `${path}, byte ${section.start}: ${what}; restore the file from a copy`,
    {
      path,
      offset: section.start,
    },
  )
}
