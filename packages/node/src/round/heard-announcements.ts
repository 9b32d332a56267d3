import type { SignedAnnouncement } from '@tempered/protocol'

/**
 * Verified announcements of neighbours by round, until their round is over. The memory that a peer can make us use is
 * bounded.
 */
export interface HeardAnnouncements {
  find(round: number, peer: string): SignedAnnouncement | undefined
  /** For rounds after the next one, only a neighbour's newest announcement is kept. */
  remember(message: SignedAnnouncement, currentRound: number): void
  /** Drops everything of rounds below `round`. */
  forget(round: number): void
}

export function createHeardAnnouncements(): HeardAnnouncements {
  const byRound = new Map<number, Map<string, SignedAnnouncement>>()
  return {
    find: (round, peer) => byRound.get(round)?.get(peer),
    remember(message, currentRound) {
      const { author, round } = message.body
      const next = currentRound + 1
      if (round > next) {
        for (const [other, peers] of byRound) if (other > next && other < round) peers.delete(author)
      }
      const peers = byRound.get(round) ?? new Map<string, SignedAnnouncement>()
      byRound.set(round, peers.set(author, message))
    },
    forget(round) {
      for (const old of byRound.keys()) if (old < round) byRound.delete(old)
    },
  }
}
