import { type Block, isClosing } from '@tempered/chain'
import { blobCid, decodeAnnouncement, type Run, type SignedEntry } from '@tempered/protocol'
import { createRunRule } from '../aggregate/run-rule.js'
import type { Clock } from '../clock.js'
import { sleep } from '../clock.js'
import { errorMessage } from '../errors.js'
import type { BlobLookup } from '../ledger/blob-folders.js'
import { withInitialModel } from '../ledger/blob-folders.js'
import { createReplay } from '../ledger/replay.js'
import type { Logger } from '../logger.js'
import { checkBlockEntry } from './block-entry.js'
import type { LedgerCopies, LedgerCopy } from './ledger-copies.js'
import type { ModelSource } from './model-source.js'

/** `unproven`: what is needed to say so cannot be had. */
export type BlockFinding = 'right' | 'wrong' | 'unproven'

/** Checks that a block's aggregate is what its author's ledger and the models in it give. */
export interface BlockChecker {
  check(block: Block, signal: AbortSignal): Promise<BlockFinding>
  /**
   * Where the rule has a memory: computes the other members' newest rounds again while their models are there, since a
   * block depends on all the rounds of its author before it. Elsewhere it does nothing.
   */
  follow(signal: AbortSignal): Promise<void>
}

export interface BlockCheckerInit {
  readonly run: Run
  /** Peer id of this node. */
  readonly self: string
  readonly ledgers: LedgerCopies
  readonly models: ModelSource
  readonly clock: Clock
  readonly logger: Logger
}

/** A block whose models cannot be had is tried again. */
const ATTEMPTS = 2
const RETRY_MS = 500

/** How far a member's ledger was computed again. */
interface Computed {
  readonly copy: LedgerCopy
  /** How many of its entries, in order, and the memory of the rule after that. */
  computed: number
  memory: { readonly cid: string; readonly bytes: Uint8Array } | undefined
  computing: Promise<unknown>
}

export function createBlockChecker(init: BlockCheckerInit): BlockChecker {
  const { run, self, ledgers, models, clock, logger } = init
  const { usesMemory } = createRunRule(run.manifest.rule)
  const byAuthor = new Map<string, Computed>()

  const computedOf = (author: string): Computed => {
    const known = byAuthor.get(author) ?? {
      copy: ledgers.of(author),
      computed: 0,
      memory: undefined,
      computing: Promise.resolve(),
    }
    byAuthor.set(author, known)
    return known
  }

  /** What is wrong with an entry, or undefined; throws when it cannot be said. */
  const compute = async (
    ledger: Computed,
    place: number,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    const { entry, parent } = ledger.copy.entries[place]!
    const { author, aggregate } = entry.body
    const authors = authorsOf(entry)
    const lookup: BlobLookup = async (cid) =>
      cid === ledger.memory?.cid
        ? ledger.memory.bytes
        : models.bytes(cid, [authors.get(cid) ?? author, author, ...run.manifest.members], signal)
    const finding = await createReplay(run, withInitialModel(lookup, run), { contributions: false }).check(
      entry,
      parent,
      ({ aggregate: bytes, memory }) => {
        // It is kept, since its author need not give it to anyone.
        models.remember(aggregate.toString(), bytes)
        if (place !== ledger.computed) return
        ledger.computed += 1
        ledger.memory = memory === undefined ? undefined : { cid: blobCid(memory).toString(), bytes: memory }
      },
    )
    if (finding.status === 'agrees') return undefined
    if (finding.status === 'unproven') throw new Error(`models are missing: ${finding.missing.join(', ')}`)
    const { field, recorded, computed } = finding.difference
    return `${field} of round ${entry.body.round + 1} is ${recorded}, computed again ${computed}`
  }

  /** The same for an entry and, where the rule has a memory, all of its author's before it. One after the other. */
  const computeTo = (ledger: Computed, place: number, signal: AbortSignal): Promise<string | undefined> => {
    if (!usesMemory) return compute(ledger, place, signal)
    const work = async (): Promise<string | undefined> => {
      while (ledger.computed <= place) {
        const fault = await compute(ledger, ledger.computed, signal)
        if (fault !== undefined) return fault
      }
      return undefined
    }
    const done = ledger.computing.catch(() => undefined).then(work)
    ledger.computing = done
    return done
  }

  const faultOf = async (block: Block, signal: AbortSignal): Promise<string | undefined> => {
    const { author, round } = block.body
    const ledger = computedOf(author)
    const { copy } = ledger
    if (copy.placeOf(round) === undefined) await copy.update(signal)
    const place = copy.placeOf(round)
    if (place === undefined) return `its author has no entry of round ${round + 1}`
    return checkBlockEntry(block, copy.entries[place]!.entry, run) ?? (await computeTo(ledger, place, signal))
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
    async follow(signal) {
      if (!usesMemory) return
      for (const peer of run.manifest.members) {
        if (peer === self || signal.aborted) continue
        const ledger = computedOf(peer)
        try {
          await ledger.copy.update(signal)
          const fault = await computeTo(ledger, ledger.copy.entries.length - 1, signal)
          if (fault !== undefined) logger.warn({ peer }, `its ledger is wrong: ${fault}`)
        } catch (error) {
          logger.debug({ peer }, `its ledger cannot be followed: ${errorMessage(error)}`)
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
