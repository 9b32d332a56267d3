import { equalBytes } from './codec.js'
import { asWitnessed, type Cosignature, cosignatureOf, type HeadMessage, type SignedHead } from './head.js'
import type { Run } from './manifest.js'

/** Signatures that make a head final in a run of n members: ⌊2n/3⌋ + 1, including the author's own. */
export function finalityQuorum(members: number): number {
  return Math.floor((2 * members) / 3) + 1
}

/**
 * A head with so many co-signatures that no other history of its height can have as many, as long as less than a
 * third of the members lie.
 */
export interface FinalHead {
  readonly head: SignedHead
  /** One per witness, without the author, in member order. */
  readonly cosignatures: readonly Cosignature[]
}

/** Collects co-signatures until heads are final. Takes verified messages only. */
export interface FinalityTracker {
  /** Returns the heads that this message made final. */
  note(message: HeadMessage): readonly SignedHead[]
  /** The newest final head of a member. */
  finalHead(author: string): FinalHead | undefined
}

/** How many heads of one author are followed at a time, which bounds the memory that anyone can make us use. */
const FOLLOWED_HEIGHTS = 32

interface Candidate {
  readonly height: number
  readonly entry: Uint8Array
  readonly root: Uint8Array
  head: SignedHead | undefined
  /** By member index of the witness. */
  readonly witnesses: Map<number, { readonly message: HeadMessage; readonly index: number }>
}

/**
 * Which of two candidates to give up: first one that its author has not signed, then the one with fewer witnesses,
 * then the later one.
 */
function lessLikely(a: Candidate, b: Candidate): Candidate {
  const signed = Number(a.head !== undefined) - Number(b.head !== undefined)
  const difference = signed || a.witnesses.size - b.witnesses.size || b.height - a.height
  return difference <= 0 ? a : b
}

export function createFinalityTracker(run: Run): FinalityTracker {
  const quorum = finalityQuorum(run.manifest.members.length)
  const candidates = new Map<number, Candidate[]>()
  const finals = new Map<number, Candidate>()

  const candidate = (
    member: number,
    height: number,
    entry: Uint8Array,
    root: Uint8Array,
  ): Candidate | undefined => {
    const newest = finals.get(member)
    if (newest !== undefined && height <= newest.height) return undefined
    const list = candidates.get(member) ?? []
    let found = list.find(
      (other) => other.height === height && equalBytes(other.entry, entry) && equalBytes(other.root, root),
    )
    if (found === undefined) {
      found = { height, entry, root, head: undefined, witnesses: new Map() }
      list.push(found)
      if (list.length > FOLLOWED_HEIGHTS) list.splice(list.indexOf(list.reduce(lessLikely)), 1)
      candidates.set(member, list)
    }
    return found
  }

  const settle = (member: number, found: Candidate): SignedHead[] => {
    if (found.head === undefined || found.witnesses.size + 1 < quorum) return []
    const newest = finals.get(member)
    if (newest !== undefined && newest.height >= found.height) return []
    finals.set(member, found)
    candidates.set(
      member,
      (candidates.get(member) ?? []).filter((other) => other.height > found.height),
    )
    return [found.head]
  }

  return {
    note(message) {
      const own = asWitnessed(message.head.body, run)
      const settled: SignedHead[] = []
      const mine = candidate(own.member, own.height, own.entry, own.root)
      if (mine !== undefined) {
        mine.head ??= message.head
        settled.push(...settle(own.member, mine))
      }
      for (const [index, { member, height, entry, root }] of message.witnessed.entries()) {
        const theirs = candidate(member, height, entry, root)
        if (theirs === undefined) continue
        if (!theirs.witnesses.has(own.member)) theirs.witnesses.set(own.member, { message, index })
        settled.push(...settle(member, theirs))
      }
      return settled
    },
    finalHead(author) {
      const found = finals.get(run.memberIndex.get(author) ?? -1)
      if (found?.head === undefined) return undefined
      const witnesses = [...found.witnesses].sort(([a], [b]) => a - b)
      let cosignatures: readonly Cosignature[] | undefined
      return {
        head: found.head,
        // Made when they are asked for: each hashes a whole list, and most callers want to know only what is final.
        get cosignatures() {
          cosignatures ??= witnesses.map(([, { message, index }]) => cosignatureOf(message, index))
          return cosignatures
        },
      }
    },
  }
}
