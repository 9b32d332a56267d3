import { type Block, isClosing } from '@tempered/chain'
import {
  type ChainVerifier,
  createChainVerifier,
  decodeAnnouncement,
  type Run,
  type SignedEntry,
} from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { sleep } from '../clock.js'
import { errorMessage } from '../errors.js'
import type { BlobLookup } from '../ledger/blob-folders.js'
import { withInitialModel } from '../ledger/blob-folders.js'
import { createReplay } from '../ledger/replay.js'
import type { Logger } from '../logger.js'
import { runTopology } from '../topology.js'
import type { RunNetwork } from '../transport/network.js'
import { checkBlockEntry } from './block-entry.js'
import type { ModelSource } from './model-source.js'

/** `unproven`: what is needed to say so cannot be had. */
export type BlockFinding = 'right' | 'wrong' | 'unproven'

/** Checks that a block's aggregate is what its author's ledger and the models in it give. */
export interface BlockChecker {
  check(block: Block, signal: AbortSignal): Promise<BlockFinding>
}

export interface BlockCheckerInit {
  readonly run: Run
  readonly network: Pick<RunNetwork, 'fetchEntries'>
  readonly models: ModelSource
  readonly clock: Clock
  readonly logger: Logger
}

/** A block whose models cannot be had is tried again. */
const ATTEMPTS = 2
const RETRY_MS = 500

interface Copy {
  readonly verifier: ChainVerifier
  /** By round: the entry and the one below it. */
  readonly entries: Map<number, { readonly entry: SignedEntry; readonly parent: SignedEntry | undefined }>
  fetching: Promise<void>
}

export function createBlockChecker({ run, network, models, clock, logger }: BlockCheckerInit): BlockChecker {
  const { neighboursOf } = runTopology(run)
  const copies = new Map<string, Copy>()

  const copyOf = (author: string): Copy => {
    const known = copies.get(author)
    if (known !== undefined) return known
    const made: Copy = {
      verifier: createChainVerifier(run, author, neighboursOf),
      entries: new Map(),
      fetching: Promise.resolve(),
    }
    copies.set(author, made)
    return made
  }

  /** Takes the newer entries of an author's ledger; one transfer at a time. */
  const update = (author: string, copy: Copy, signal: AbortSignal): Promise<void> => {
    const work = async (): Promise<void> => {
      for (;;) {
        const fetched = await network.fetchEntries(author, copy.verifier.length, signal)
        if (fetched.length === 0) return
        for (const bytes of fetched) {
          const parent = copy.verifier.last
          const entry = copy.verifier.accept(bytes)
          copy.entries.set(entry.body.round, { entry, parent })
        }
      }
    }
    copy.fetching = copy.fetching.catch(() => undefined).then(work)
    return copy.fetching
  }

  /** What is wrong with a block, or undefined; throws when it cannot be said. */
  const faultOf = async (block: Block, signal: AbortSignal): Promise<string | undefined> => {
    const { author, round, aggregate } = block.body
    const copy = copyOf(author)
    if (!copy.entries.has(round)) await update(author, copy, signal)
    const found = copy.entries.get(round)
    if (found === undefined) return `its author has no entry of round ${round + 1}`
    const { entry, parent } = found
    const wrong = checkBlockEntry(block, entry, run)
    if (wrong !== undefined) return wrong
    const authors = authorsOf(entry)
    const lookup: BlobLookup = async (cid) =>
      models.bytes(cid, [authors.get(cid) ?? author, author, ...run.manifest.members], signal)
    // It is kept, since its author need not give it to anyone.
    const finding = await createReplay(run, withInitialModel(lookup, run)).check(entry, parent, (bytes) =>
      models.remember(aggregate.toString(), bytes),
    )
    if (finding.status === 'agrees') return undefined
    if (finding.status === 'unproven') throw new Error(`models are missing: ${finding.missing.join(', ')}`)
    const { field, recorded, computed } = finding.difference
    return `${field} is ${recorded}, computed again ${computed}`
  }

  return {
    async check(block, signal) {
      // Closing blocks have nothing to compute; that they keep the aggregate is a rule of links.
      if (isClosing(block.body, run)) return 'right'
      const about = { peer: block.body.author, height: block.body.height }
      for (let attempt = 1; ; attempt++) {
        try {
          const fault = await faultOf(block, signal)
          if (fault !== undefined) logger.warn(about, `block refused: ${fault}`)
          return fault === undefined ? 'right' : 'wrong'
        } catch (error) {
          if (signal.aborted || attempt === ATTEMPTS) {
            logger.debug(about, `a block cannot be checked: ${errorMessage(error)}`)
            return 'unproven'
          }
          await sleep(clock, RETRY_MS * attempt, signal)
        }
      }
    },
  }
}

/** Who made each model of an entry. */
function authorsOf({ body }: SignedEntry): Map<string, string> {
  const authors = new Map([[decodeAnnouncement(body.announcement).body.model.toString(), body.author]])
  for (const { peer, announcement } of body.neighbours)
    if (announcement !== null) authors.set(decodeAnnouncement(announcement).body.model.toString(), peer)
  return authors
}
