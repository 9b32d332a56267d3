import {
  decodeGroupWord,
  type GroupWordKind,
  type Run,
  type SignedGroupWord,
  sha256,
  verifyGroupWord,
} from '@tempered/protocol'
import { ignore, reject, rejecting } from './inbound-error.js'

/** Which words of private rounds have been seen: one per author, round and kind, and one that contradicts it. */
export interface GroupWordBook {
  note(word: SignedGroupWord): 'new' | 'contradicting' | 'known'
  /** Whether this very word was noted before. */
  has(word: SignedGroupWord): boolean
  /** Forgets the words of rounds below this one. */
  forget(round: number): void
}

export function createGroupWordBook(): GroupWordBook {
  const byRound = new Map<
    number,
    Map<string, { /** SHA-256. */ readonly first: Uint8Array; isContradicted: boolean }>
  >()
  const nameOf = (author: string, kind: GroupWordKind): string => `${author} ${kind}`
  return {
    note({ body, bytes }) {
      const seen =
        byRound.get(body.round) ?? new Map<string, { first: Uint8Array; isContradicted: boolean }>()
      byRound.set(body.round, seen)
      const name = nameOf(body.author, body.kind)
      const known = seen.get(name)
      if (known === undefined) {
        seen.set(name, { first: sha256(bytes), isContradicted: false })
        return 'new'
      }
      if (known.isContradicted || Buffer.compare(known.first, sha256(bytes)) === 0) return 'known'
      known.isContradicted = true
      return 'contradicting'
    },
    has({ body, bytes }) {
      const known = byRound.get(body.round)?.get(nameOf(body.author, body.kind))
      return known !== undefined && Buffer.compare(known.first, sha256(bytes)) === 0
    },
    forget(round) {
      for (const old of byRound.keys()) if (old < round) byRound.delete(old)
    },
  }
}

/** Rounds before and after this node's own whose words are of use to it. */
const ROUNDS_BEFORE = 1
const ROUNDS_AFTER = 2

/** A word of a private round from the wire. Others than its author may send it. Throws InboundError. */
export function validateGroupWord(
  bytes: Uint8Array,
  run: Run,
  book: GroupWordBook,
  currentRound: number,
): SignedGroupWord {
  // [REJECT] Within the size limit, one canonical encoding, all fields of their types.
  const word = rejecting(() => decodeGroupWord(bytes))
  const { run: id, author, round } = word.body
  // [REJECT] Of this run, by a member, for a round of it.
  if (!id.equals(run.id)) throw reject('E_WRONG_RUN', 'word of another run')
  if (!run.memberIndex.has(author)) throw reject('E_NOT_A_MEMBER', `${author} is not a member`)
  if (round >= run.manifest.training.rounds) throw reject('E_ROUND_RANGE', `round ${round} is past the end`)
  // [IGNORE] Of a round that is near.
  if (round < currentRound - ROUNDS_BEFORE || round > currentRound + ROUNDS_AFTER)
    throw ignore('E_ROUND_RANGE', `round ${round} is not near round ${currentRound}`)
  // [IGNORE] Not seen before: that is looked at first, as members ask for words that they have.
  if (book.has(word)) throw ignore('E_DUPLICATE', 'already known')
  // [REJECT] Signed by its author.
  rejecting(() => verifyGroupWord(word))
  // [IGNORE] At most two that contradict each other, since others need the second to see the contradiction.
  book.forget(currentRound - ROUNDS_BEFORE)
  if (book.note(word) === 'known') throw ignore('E_DUPLICATE', 'already known')
  return word
}
