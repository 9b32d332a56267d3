import type { Block } from '@tempered/chain'
import { createChainVerifier, namedValues, parseFields, type Run, type SignedEntry } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { NodeError } from '../errors.js'
import type { LedgerCopies } from './ledger-copies.js'
import type { ModelSource } from './model-source.js'

/** What one member says to the others beside the chain: any document that fits into a message. */
export type Words = Readonly<Record<string, unknown>>

/** Kind of the message in which a member says something that is no part of the chain. */
export const SAID = 'said'

const saidSchema = z.strictObject({
  kind: z.literal(SAID),
  words: namedValues(z.string().min(1).max(64), z.unknown()),
})

export const payloadOf = (words: Words): Words => ({ kind: SAID, words })

/** Throws ProtocolError E_MALFORMED. */
export function wordsOf(payload: Words): Words {
  return parseFields(saidSchema, payload, 'message of a member').words
}

/** The run's common chain as a program around the node uses it. */
export interface CommonChain {
  /**
   * A member's ledger up to an entry that a block names, oldest first, from its author or another member unless it is here.
   * Rejects with E_NOT_FOUND when nobody gives it.
   */
  ledgerTo(author: string, entry: CID, signal: AbortSignal): Promise<readonly SignedEntry[]>
  /** The bytes of a model that members have lately aggregated; undefined when nobody has it. */
  model(cid: CID, signal: AbortSignal): Promise<Uint8Array | undefined>
  /** Says something to all members. It may get lost: say it again, with other words. */
  say(words: Words): void
}

export interface CommonChainEvents {
  /** A block is final: each once per process, also those of earlier starts, in the order of the chain. */
  onFinal?(block: Block): void
  /** Another member says something. What it says is a claim of its own, signed by its peer's key. */
  onSaid?(author: string, words: Words): void
}

export interface CommonChainInit {
  readonly run: Run
  readonly self: string
  readonly ledgers: LedgerCopies
  readonly models: Pick<ModelSource, 'bytes'>
  /** Entries of this node's own ledger from a height on, some at a time. */
  ownEntries(from: number): Promise<readonly Uint8Array[]>
  say(words: Words): void
}

export function createCommonChain(init: CommonChainInit): CommonChain {
  const { run, self, ledgers, models } = init

  /** This node's own entries so far; newer ones are read when they are asked for. */
  const own: SignedEntry[] = []
  const verifier = createChainVerifier(run, self)
  let reading: Promise<unknown> = Promise.resolve()
  const readOwn = async (): Promise<void> => {
    for (;;) {
      const more = await init.ownEntries(own.length)
      if (more.length === 0) return
      for (const bytes of more) own.push(verifier.accept(bytes))
    }
  }
  const ownLedgerTo = async (entry: CID): Promise<readonly SignedEntry[] | undefined> => {
    const read = reading.catch(() => undefined).then(readOwn)
    reading = read
    await read
    const at = own.findIndex(({ cid }) => cid.equals(entry))
    return at < 0 ? undefined : own.slice(0, at + 1)
  }

  return {
    async ledgerTo(author, entry, signal) {
      const found = author === self ? await ownLedgerTo(entry) : await ledgers.of(author).upTo(entry, signal)
      if (found !== undefined) return found
      throw new NodeError(
        'E_NOT_FOUND',
        `nobody gives entry ${entry} of the ledger of ${author}, which a block names`,
      )
    },
    model: (cid, signal) => models.bytes(cid.toString(), run.manifest.members, signal),
    say: init.say,
  }
}
