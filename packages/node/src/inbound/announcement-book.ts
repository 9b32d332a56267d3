import { contradicts, type Evidence, makeEvidence, type SignedAnnouncement } from '@tempered/protocol'

/** Remembers what each member announced, so that a second story for one round is noticed. */
export interface AnnouncementBook {
  /** The announcement that stands for this author and round, if one is remembered. */
  find(author: string, round: number): SignedAnnouncement | undefined
  /** Notes a verified announcement. Returns evidence when it contradicts the one that stands. */
  note(message: SignedAnnouncement): Evidence | undefined
}

/** Rounds remembered for each author. */
const REMEMBERED_ROUNDS = 8

export function createAnnouncementBook(): AnnouncementBook {
  const byAuthor = new Map<string, Map<number, SignedAnnouncement>>()
  return {
    find: (author, round) => byAuthor.get(author)?.get(round),
    note(message) {
      const { author, round } = message.body
      const rounds = byAuthor.get(author) ?? new Map<number, SignedAnnouncement>()
      byAuthor.set(author, rounds)
      const standing = rounds.get(round)
      if (standing !== undefined) {
        return contradicts(standing.body, message.body) ? makeEvidence(standing, message) : undefined
      }
      rounds.set(round, message)
      if (rounds.size > REMEMBERED_ROUNDS) rounds.delete(Math.min(...rounds.keys()))
      return undefined
    },
  }
}
