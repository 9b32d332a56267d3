import { open } from 'node:fs/promises'
import {
  type ChainVerifier,
  createChainVerifier,
  decodeEntry,
  documentCid,
  isChangeBlock,
  openManifest,
  ProtocolError,
  type Run,
  type SignedEntry,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { checkEpsilon } from '../differential-privacy/privacy-spent.js'
import { problemOf } from '../epochs/run-rules.js'
import { errorCode, errorMessage } from '../errors.js'
import { CarError, type CarSection, type ReadAt, readCarHeader, readCarSection } from './car.js'
import { windowedReader } from './car-log.js'
import { MAX_LEDGER_BLOCK_BYTES } from './ledger.js'

/** The result of checking a ledger file. */
export type LedgerVerdict =
  | {
      readonly ok: true
      readonly path: string
      /** After all changes in the ledger. */
      readonly run: Run
      readonly author: string | undefined
      readonly entries: number
      /** Rounds without an entry before others with one: the node was away and went on with the others. */
      readonly skipped?: readonly SkippedRounds[]
      readonly head: CID
    }
  | {
      readonly ok: false
      readonly path: string
      /** Height of the first bad entry; −1 for the header or the manifest. */
      readonly entry: number
      readonly code: string
      readonly message: string
    }

/** 0-based, both included. */
export interface SkippedRounds {
  readonly first: number
  readonly last: number
}

/** The topology of a run, which the caller derives from the manifest: the neighbours of a member. */
export type NeighboursOf = (run: Run) => (peer: string) => readonly string[]

/**
 * Checks a ledger block by block. A rejected block does not change its state, so that the block may be passed again.
 */
export interface LedgerChecker {
  /** What the next step checks: −1 for header and manifest, then the height of the next entry; a change before it too. */
  readonly entry: number
  readonly run: Run | undefined
  readonly chain: ChainVerifier | undefined
  /**
   * Reads and checks the next block of a file of `size` bytes; false at the end of the file. Throws CarError and
   * ProtocolError for an invalid block.
   */
  step(readAt: ReadAt, size: number): Promise<boolean>
}

export function createLedgerChecker(
  visit: (entry: SignedEntry, run: Run) => void,
  neighboursOf?: NeighboursOf,
): LedgerChecker {
  let opened: ChainVerifier | undefined
  let offset = 0

  const openRun = async (readAt: ReadAt, size: number): Promise<void> => {
    const header = await readCarHeader(readAt)
    if (header.end >= size) throw new ProtocolError('E_MALFORMED', 'the file has no run manifest')
    const section = await readBlock(readAt, header.end)
    const run = openManifest(section.bytes.slice())
    if (!run.id.equals(header.root)) {
      throw new ProtocolError('E_WRONG_RUN', `the root ${header.root} is not the manifest ${run.id}`)
    }
    topologyOf(run, neighboursOf)
    opened = createChainVerifier(run, undefined, { neighboursOf, problemOf })
    offset = section.end
  }

  return {
    get entry() {
      return opened?.length ?? -1
    },
    get run() {
      return opened?.run
    },
    get chain() {
      return opened
    },
    async step(readAt, size) {
      if (opened === undefined) {
        await openRun(readAt, size)
        return true
      }
      if (offset >= size) return false
      const section = await readBlock(readAt, offset)
      const bytes = section.bytes.slice()
      if (isChangeBlock(bytes)) {
        opened.acceptChange(bytes)
        offset = section.end
        return true
      }
      const { manifest } = opened.run
      // Before the chain takes the entry, which it would not give back.
      if (manifest.differentialPrivacy !== undefined) checkEpsilon(manifest, decodeEntry(bytes).body)
      const entry = opened.accept(bytes)
      offset = section.end
      visit(entry, opened.run)
      return true
    },
  }
}

/** A manifest whose topology cannot be built is an invalid manifest, not an error of the checker. */
function topologyOf(run: Run, neighboursOf: NeighboursOf | undefined) {
  try {
    return neighboursOf?.(run)
  } catch (error) {
    if (errorCode(error) === 'E_INTERNAL') throw error
    throw new ProtocolError('E_MANIFEST', `run manifest: ${errorMessage(error)}`)
  }
}

async function readBlock(readAt: ReadAt, offset: number): Promise<CarSection> {
  const section = await readCarSection(readAt, offset, MAX_LEDGER_BLOCK_BYTES)
  if (documentCid(section.bytes).equals(section.cid)) return section
  throw new ProtocolError('E_HASH_MISMATCH', `byte ${offset}: block does not match its CID`)
}

/**
 * Reads a ledger file from its first byte to its last and checks framing, hashes, the manifest, links, order, limits
 * and every signature, including those of the neighbours' announcements. `visit` sees each entry that passed.
 * `neighboursOf` is the run's topology, which the caller derives from the manifest.
 */
export async function verifyLedgerFile(
  path: string,
  visit: (entry: SignedEntry, run: Run) => void = () => undefined,
  neighboursOf?: NeighboursOf,
): Promise<LedgerVerdict> {
  const file = await open(path, 'r')
  const skipped: SkippedRounds[] = []
  let next: number | undefined
  const checker = createLedgerChecker((entry, run) => {
    const { round } = entry.body
    if (next !== undefined && round > next) skipped.push({ first: next, last: round - 1 })
    next = round + 1
    visit(entry, run)
  }, neighboursOf)
  try {
    const { size } = await file.stat()
    const readAt = windowedReader(file)
    while (await checker.step(readAt, size));
    const { run, chain } = checker
    return {
      ok: true,
      path,
      run: run!,
      author: chain!.last?.body.author,
      entries: chain!.length,
      skipped,
      head: chain!.head,
    }
  } catch (error) {
    // Other errors (from `visit` or the disk) do not concern the ledger.
    if (!(error instanceof ProtocolError || error instanceof CarError)) throw error
    return { ok: false, path, entry: checker.entry, code: errorCode(error), message: errorMessage(error) }
  } finally {
    await file.close()
  }
}
