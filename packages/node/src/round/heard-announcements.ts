import type { SignedAnnouncement } from '@tempered/protocol'

/**
 * Verified announcements of neighbours, until their round is over: at most three per neighbour, whatever it sends. One
 * is of this node's round, one of the next, and one the newest beyond.
 */
export interface HeardAnnouncements {
  find(round: number, peer: string): SignedAnnouncement | undefined
  /** Of the rounds after the next one only a neighbour's newest announcement is kept. */
  remember(message: SignedAnnouncement, currentRound: number): void
  /** Drops everything of rounds below `round`. */
  forget(round: number): void
}

export function createHeardAnnouncements(): HeardAnnouncements {
  const byAuthor = new Map<string, Map<number, SignedAnnouncement>>()
  return {
    find: (round, peer) => byAuthor.get(peer)?.get(round),
    remember(message, currentRound) {
      const { author, round } = message.body
      const rounds = byAuthor.get(author) ?? new Map<number, SignedAnnouncement>()
      byAuthor.set(author, rounds)
      for (const other of rounds.keys()) {
        if (other < currentRound) rounds.delete(other)
        else if (other > currentRound + 1 && round > currentRound + 1) {
          if (other > round) return
          rounds.delete(other)
        }
      }
      rounds.set(round, message)
    },
    forget(round) {
      for (const rounds of byAuthor.values())
        for (const old of rounds.keys()) if (old < round) rounds.delete(old)
    },
  }
}
