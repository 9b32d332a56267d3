import { decodeAnnouncement, type Evidence, makeEvidence, type SignedAnnouncement } from '@tempered/protocol'

/** One model that a member announced for a round, and the ledgers that contain the announcement. */
export interface IndexedAnnouncement {
  readonly announcement: SignedAnnouncement
  /** Peer ids of the ledgers' authors, each once, in the order in which they were read. */
  readonly ledgers: readonly string[]
}

/** A member that announced two models for one round, as a comparison of several ledgers shows. */
export interface Contradiction {
  readonly offender: string
  readonly round: number
  /** Two or more, of different models. */
  readonly announcements: readonly IndexedAnnouncement[]
  readonly evidence: Evidence
}

/** Who announced which model for which round, gathered from many ledgers. */
export interface AnnouncementIndex {
  /** Takes a verified announcement that the ledger of `author` contains. Throws what decoding throws. */
  note(bytes: Uint8Array, author: string): void
  /** Contradictions found so far, in the order of their discovery; each member and round once. */
  contradictions(): readonly Contradiction[]
}

export function createAnnouncementIndex(): AnnouncementIndex {
  const rounds = new Map<string, { announcement: SignedAnnouncement; ledgers: Set<string> }[]>()
  const contradicted = new Set<string>()
  return {
    note(bytes, ledger) {
      const announcement = decodeAnnouncement(bytes)
      const { author, round, model } = announcement.body
      const key = `${author}/${round}`
      const known = rounds.get(key) ?? []
      const same = known.find((one) => one.announcement.body.model.equals(model))
      if (same !== undefined) {
        same.ledgers.add(ledger)
        return
      }
      known.push({ announcement, ledgers: new Set([ledger]) })
      rounds.set(key, known)
      if (known.length > 1) contradicted.add(key)
    },
    contradictions: () =>
      [...contradicted].map((key) => {
        const announcements = rounds.get(key)!.map(({ announcement, ledgers }) => ({
          announcement,
          ledgers: [...ledgers],
        }))
        const evidence = makeEvidence(announcements[0]!.announcement, announcements[1]!.announcement)
        return { offender: evidence.offender, round: evidence.round, announcements, evidence }
      }),
  }
}
