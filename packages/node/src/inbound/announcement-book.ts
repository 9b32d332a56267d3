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

/** Rounds remembered for each author. */
const REMEMBERED_ROUNDS = 8

export function createAnnouncementBook(): AnnouncementBook {
  const byAuthor = new Map<string, Map<number, SignedAnnouncement>>()
  const replace = (message: SignedAnnouncement): void => {
    const { author, round } = message.body
    const rounds = byAuthor.get(author) ?? new Map<number, SignedAnnouncement>()
    byAuthor.set(author, rounds.set(round, message))
    if (rounds.size > REMEMBERED_ROUNDS) rounds.delete(Math.min(...rounds.keys()))
  }
  return {
    find: (author, round) => byAuthor.get(author)?.get(round),
    note(message) {
      const standing = byAuthor.get(message.body.author)?.get(message.body.round)
      if (standing === undefined) replace(message)
      else if (contradicts(standing.body, message.body)) return standing
      return undefined
    },
    replace,
  }
}
