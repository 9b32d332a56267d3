import { contradicts, type SignedAnnouncement } from '@tempered/protocol'

/** Remembers what each member announced, so that a second, contradicting announcement for one round is noticed. */
export interface AnnouncementBook {
  /** The remembered announcement of this author and round, if any. */
  find(author: string, round: number): SignedAnnouncement | undefined
  /** Remembers an announcement unless there is one already; returns that one if the two contradict each other. */
  note(message: SignedAnnouncement): SignedAnnouncement | undefined
  /** Replaces an announcement that turned out to be forged. */
  replace(message: SignedAnnouncement): void
}

/** Rounds remembered per author: those nearest to this node's current round. */
const REMEMBERED_ROUNDS = 8

/**
 * `currentRound` is the round this node is in. The rounds farthest from it are forgotten first, so that nobody can
 * push a relevant round out of the book by announcing others.
 */
export function createAnnouncementBook(currentRound: () => number): AnnouncementBook {
  const byAuthor = new Map<string, Map<number, SignedAnnouncement>>()
  const replace = (message: SignedAnnouncement): void => {
    const { author, round } = message.body
    const rounds = byAuthor.get(author) ?? new Map<number, SignedAnnouncement>()
    byAuthor.set(author, rounds.set(round, message))
    if (rounds.size > REMEMBERED_ROUNDS) rounds.delete(farthest([...rounds.keys()], currentRound()))
  }
  return {
    find: (author, round) => byAuthor.get(author)?.get(round),
    note(message) {
      const known = byAuthor.get(message.body.author)?.get(message.body.round)
      if (known === undefined) replace(message)
      else if (contradicts(known.body, message.body)) return known
      return undefined
    },
    replace,
  }
}

function farthest(rounds: readonly number[], from: number): number {
  return rounds.reduce((a, b) => (Math.abs(b - from) > Math.abs(a - from) ? b : a))
}
