import type { HeadMessage, SignedAnnouncement } from '@tempered/protocol'
import type { LocalSource } from '../transport/network.js'

/** This node's recent messages, for neighbours that ask, and which of its blobs must still be kept. */
export interface OwnHistory extends Pick<LocalSource, 'announcements' | 'head'> {
  /** The announced model is kept as the blobs of its round are, also when the round never gets an entry. */
  noteAnnouncement(message: SignedAnnouncement): void
  noteHead(message: HeadMessage): void
  /** The same for an announcement of an earlier process, which is not served any more. */
  noteAnnounced(message: SignedAnnouncement): void
  /** Notes the blobs of a round: the announced model, the aggregate and any others. */
  noteBlobs(round: number, cids: readonly string[]): void
  /** CID of the aggregate of a round that is still noted. */
  aggregateOf(round: number): string | undefined
  /** CIDs of the last `keepRounds` noted rounds, by round, the newest first; older ones are forgotten. */
  retained(keepRounds: number): readonly (readonly string[])[]
}

/** Number of rounds whose own announcements are served. */
const SERVED_ROUNDS = 4

export function createOwnHistory(): OwnHistory {
  let announcements: SignedAnnouncement[] = []
  let newestHead: HeadMessage | undefined
  const blobs = new Map<number, readonly string[]>()
  const noteAnnounced = ({ body: { round, model } }: SignedAnnouncement): void => {
    if (!blobs.has(round)) blobs.set(round, [model.toString()])
  }
  return {
    noteAnnounced,
    noteAnnouncement(message) {
      noteAnnounced(message)
      const others = announcements.filter((other) => other.body.round !== message.body.round)
      announcements = [...others, message].slice(-SERVED_ROUNDS)
    },
    noteHead(message) {
      newestHead = message
    },
    announcements: (fromRound) => announcements.filter((message) => message.body.round >= fromRound),
    head: () => newestHead,
    noteBlobs: (round, cids) => blobs.set(round, cids),
    aggregateOf: (round) => blobs.get(round)?.[1],
    retained(keepRounds) {
      const rounds = [...blobs.keys()].sort((a, b) => a - b)
      for (const old of rounds.slice(0, Math.max(0, rounds.length - keepRounds))) blobs.delete(old)
      return rounds
        .slice(-keepRounds)
        .reverse()
        .map((round) => blobs.get(round)!)
    },
  }
}
