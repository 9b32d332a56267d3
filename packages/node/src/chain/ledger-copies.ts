import { createChainVerifier, type Run, type SignedEntry } from '@tempered/protocol'
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
}

export interface LedgerCopies {
  of(author: string): LedgerCopy
}

export interface LedgerCopiesInit {
  readonly run: Run
  readonly network: Pick<RunNetwork, 'fetchEntries'>
}

export function createLedgerCopies({ run, network }: LedgerCopiesInit): LedgerCopies {
  const { neighboursOf } = runTopology(run)
  const copies = new Map<string, LedgerCopy>()

  const make = (author: string): LedgerCopy => {
    const verifier = createChainVerifier(run, author, neighboursOf)
    const entries: FoundEntry[] = []
    const places = new Map<number, number>()
    let fetching: Promise<unknown> = Promise.resolve()
    const take = async (signal: AbortSignal): Promise<void> => {
      for (;;) {
        const fetched = await network.fetchEntries(author, verifier.length, signal)
        if (fetched.length === 0) return
        for (const bytes of fetched) {
          const parent = verifier.last
          const entry = verifier.accept(bytes)
          places.set(entry.body.round, entries.length)
          entries.push({ entry, parent })
        }
      }
    }
    return {
      author,
      entries,
      placeOf: (round) => places.get(round),
      update(signal) {
        const updated = fetching.catch(() => undefined).then(() => take(signal))
        fetching = updated
        return updated
      },
    }
  }

  return {
    of(author) {
      const copy = copies.get(author) ?? make(author)
      copies.set(author, copy)
      return copy
    },
  }
}
