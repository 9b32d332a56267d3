import { createChainVerifier, LIMITS, type Run, type SignedEntry } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.js'
import { runTopology } from '../topology.js'
import type { RunNetwork } from '../transport/network.js'

export interface FoundEntry {
  readonly entry: SignedEntry
  /** The one below it. */
  readonly parent: SignedEntry | undefined
}

/** What this node knows of another member's ledger, checked entry by entry. */
export interface LedgerCopy {
  readonly author: string
  /** From the first on. */
  readonly entries: readonly FoundEntry[]
  /** Place of a round's entry among these; undefined for none. */
  placeOf(round: number): number | undefined
  /** Takes the newer entries from their author; one transfer at a time. Rejects as `fetchEntries`, and with ProtocolError. */
  update(signal: AbortSignal): Promise<void>
  /**
   * Takes entries until there is this one, from its author or else from any member that has a copy: an author that gives
   * its ledger to some gives it to all. Resolves with whether it is here.
   */
  reach(entry: CID, signal: AbortSignal): Promise<boolean>
}

export interface LedgerCopies {
  of(author: string): LedgerCopy
  /** Bytes of a member's entries from a height on, as far as they are here, and as many as a reply may carry. */
  copyOf(author: string, from: number): readonly Uint8Array[]
}

export interface LedgerCopiesInit {
  readonly run: Run
  /** Peer id of this node. */
  readonly self: string
  readonly network: Pick<RunNetwork, 'fetchEntries'>
  readonly clock: Clock
}

/** How long one member may take to give the entries of a ledger that it has. */
const REACH_MS = 10_000

export function createLedgerCopies({ run, self, network, clock }: LedgerCopiesInit): LedgerCopies {
  const { neighboursOf } = runTopology(run)
  const copies = new Map<string, LedgerCopy>()

  const make = (author: string): LedgerCopy => {
    const verifier = createChainVerifier(run, author, neighboursOf)
    const entries: FoundEntry[] = []
    const places = new Map<number, number>()
    let fetching: Promise<unknown> = Promise.resolve()
    const takeFrom = async (peer: string, signal: AbortSignal): Promise<void> => {
      const about = peer === author ? [] : [author]
      for (;;) {
        const fetched = await network.fetchEntries(peer, verifier.length, signal, ...about)
        if (fetched.length === 0) return
        for (const bytes of fetched) {
          const parent = verifier.last
          const entry = verifier.accept(bytes)
          places.set(entry.body.round, entries.length)
          entries.push({ entry, parent })
        }
      }
    }
    const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
      const done = fetching.catch(() => undefined).then(work)
      fetching = done
      return done
    }
    return {
      author,
      entries,
      placeOf: (round) => places.get(round),
      update: (signal) => inTurn(() => takeFrom(author, signal)),
      async reach(entry, signal) {
        const isHere = (): boolean => entries.some((found) => found.entry.cid.equals(entry))
        for (const peer of [author, ...run.manifest.members]) {
          if (isHere() || signal.aborted) break
          if (peer === self) continue
          // Whoever stalls must not keep the next one from being asked.
          const limit = clock.deadline(REACH_MS, signal)
          await inTurn(() => takeFrom(peer, limit.signal))
            .catch(() => undefined)
            .finally(() => limit.clear())
        }
        return isHere()
      },
    }
  }

  return {
    of(author) {
      const copy = copies.get(author) ?? make(author)
      copies.set(author, copy)
      return copy
    },
    copyOf: (author, from) =>
      copies
        .get(author)
        ?.entries.slice(from, from + LIMITS.maxEntriesPerReply)
        .map(({ entry }) => entry.bytes) ?? [],
  }
}
