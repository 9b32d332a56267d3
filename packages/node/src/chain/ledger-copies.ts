import { createChainVerifier, equalBytes, LIMITS, type Run, type SignedEntry } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.js'
import { RUN_RULES } from '../epochs/run-rules.js'
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
   * The ledger up to this entry, oldest first, from its author or else from any member that has a copy: an author that
   * gives its ledger to some gives it to all. Where the author has given this node another branch of it than the others,
   * theirs is taken too. Undefined when nobody gives it.
   */
  upTo(entry: CID, signal: AbortSignal): Promise<readonly SignedEntry[] | undefined>
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
const REACH_MS = 5_000
/** Branches of one ledger that are kept besides the first: each costs its author two signatures for one height. */
const MOST_BRANCHES = 2

export function createLedgerCopies({ run, self, network, clock }: LedgerCopiesInit): LedgerCopies {
  const copies = new Map<string, LedgerCopy>()

  const make = (author: string): LedgerCopy => {
    const verifier = createChainVerifier(run, author, RUN_RULES)
    const entries: FoundEntry[] = []
    const places = new Map<number, number>()
    let fetching: Promise<unknown> = Promise.resolve()
    const branches = createBranches({ run, author, network }, entries)
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
      async upTo(entry, signal) {
        const others = run.manifest.members.filter((peer) => peer !== self && peer !== author)
        for (const peer of [author, ...others]) {
          const here = prefixTo(entry, entries) ?? branches.find(entry)
          if (here !== undefined || signal.aborted) return here
          // Whoever stalls must not keep the next one from being asked.
          const limit = clock.deadline(REACH_MS, signal)
          await inTurn(async () => {
            await takeFrom(peer, limit.signal).catch(() => undefined)
            if (prefixTo(entry, entries) === undefined) await branches.take(peer, limit.signal)
          })
            .catch(() => undefined)
            .finally(() => limit.clear())
        }
        return prefixTo(entry, entries) ?? branches.find(entry)
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

interface BranchInit extends Pick<LedgerCopiesInit, 'run' | 'network'> {
  readonly author: string
}

/** Other branches of a ledger than the one that came first: an author may give each member another one. */
interface Branches {
  find(entry: CID): readonly SignedEntry[] | undefined
  /** Takes a member's branch if it parts from the first, in place of the oldest. Rejects as `fetchEntries`. */
  take(peer: string, signal: AbortSignal): Promise<void>
}

function createBranches(init: BranchInit, first: readonly FoundEntry[]): Branches {
  const { run, author, network } = init
  const branches: SignedEntry[][] = []

  const fetch = (peer: string, from: number, signal: AbortSignal) =>
    network.fetchEntries(peer, from, signal, ...(peer === author ? [] : [author]))

  /** Whether a member may have another branch: it does not give the newest entry of the first one. */
  const mayPart = async (peer: string, signal: AbortSignal): Promise<boolean> => {
    const newest = first.at(-1)
    if (newest === undefined) return false
    const [bytes] = await fetch(peer, first.length - 1, signal)
    return bytes === undefined || !equalBytes(bytes, newest.entry.bytes)
  }

  return {
    find(entry) {
      for (const branch of branches) {
        const at = branch.findIndex(({ cid }) => cid.equals(entry))
        if (at >= 0) return branch.slice(0, at + 1)
      }
      return undefined
    },
    async take(peer, signal) {
      if (!(await mayPart(peer, signal))) return
      const verifier = createChainVerifier(run, author, RUN_RULES)
      const branch: SignedEntry[] = []
      for (;;) {
        const fetched = await fetch(peer, branch.length, signal)
        if (fetched.length === 0) break
        for (const bytes of fetched) branch.push(verifier.accept(bytes))
      }
      const newest = branch.at(-1)
      const isPrefix = newest === undefined || first[branch.length - 1]?.entry.cid.equals(newest.cid) === true
      if (isPrefix) return
      branches.push(branch)
      if (branches.length > MOST_BRANCHES) branches.shift()
    },
  }
}

/** The entries up to this one; undefined if it is not among them. */
function prefixTo(entry: CID, entries: readonly FoundEntry[]): readonly SignedEntry[] | undefined {
  const at = entries.findIndex((found) => found.entry.cid.equals(entry))
  return at < 0 ? undefined : entries.slice(0, at + 1).map((found) => found.entry)
}
