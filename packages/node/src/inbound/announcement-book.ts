import { contradicts, type SignedAnnouncement } from '@tempered/protocol'

/** Remembers what each member announced, so that a second story for one round is noticed. */
export interface AnnouncementBook {
  /** The announcement that stands for this author and round, if one is remembered. */
  find(author: string, round: number): SignedAnnouncement | undefined
  /** Remembers an announcement unless another stands; returns the one that stands when the two contradict. */
  note(message: SignedAnnouncement): SignedAnnouncement | undefined
  /** Puts an announcement in the place of one that turned out to be forged. */
  replace(message: SignedAnnouncement): void
}

/** Rounds remembered for each author: those nearest to the round that this node is in. */
const REMEMBERED_ROUNDS = 8

/**
 * `currentRound` is the round this node is in. What is farthest from it is forgotten first, so that nobody can push
 * a round that matters out of the book by announcing others.
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
