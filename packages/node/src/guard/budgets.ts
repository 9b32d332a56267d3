import { LIMITS, type Run, type STREAM_PROTOCOLS } from '@tempered/protocol'

/**
 * What others may take from a node at a time: connections, streams, memory, messages per second. `LIMITS` of
 * @tempered/protocol says how large one document may be; this file says how many of them. A stranger is a peer that is
 * not a member of the run. Each budget is tested at its limit and above it, and what exceeds one is counted by
 * `rejects.ts`.
 */
export interface Budgets {
  readonly connections: ConnectionBudgets
  readonly relay: RelayBudgets
  readonly streams: StreamBudgets
  readonly gossip: GossipBudgets
  readonly penalties: PenaltyBudgets
}

export interface ConnectionBudgets {
  /** Inbound connections whose handshake is not over; one more closes the oldest of the address that has most. */
  readonly halfOpen: number
  /** Connections with strangers; one more closes the oldest of the address that has most. */
  readonly strangers: number
  /** Time in milliseconds after which a connection with a stranger is closed. */
  readonly strangerMs: number
  /** Bytes that may come in on a connection before its peer has proven to be a member. */
  readonly strangerBytes: number
  /** Connections with one member; one more closes the oldest. */
  readonly perMember: number
  /** New inbound connections from one address. */
  readonly arrivals: Rate
}

/** What a node that is a relay does for members; how much goes over one connection is configured (reach-options.ts). */
export interface RelayBudgets {
  /** Members that have a place at the relay, so that others reach them through it. */
  readonly reservations: number
  /** Open connections that the relay passes on for one connection of a member: from it, and to it. */
  readonly circuitsPerConnection: number
  /** New connections that the relay passes on for one member. */
  readonly circuits: Rate
}

export interface StreamBudgets {
  /** Open streams that one peer may have opened, over all protocols. */
  readonly perConnection: number
  /** Requests of one peer, windows of models among them; more of them are answered later. */
  readonly requests: Rate
  /** Bytes of answers to one peer; more of them are sent later. */
  readonly answers: Rate
  /** Received bytes of one stream that nobody has read yet. */
  readonly unreadPerStream: number
  /** The same over all streams of one member, and of one stranger. */
  readonly unreadPerMember: number
  readonly unreadPerStranger: number
  /** The same over all peers. */
  readonly unreadInTotal: number
}

/** Open streams that one peer may have opened, by direct protocol. */
export const STREAMS_PER_PEER = {
  hello: 4,
  status: 8,
  manifest: 2,
  peers: 2,
  reach: 1,
  /** An honest peer has one open, and for a moment a second one after a break. */
  blob: 4,
  digests: 4,
  entries: 2,
  blocks: 2,
  finals: 2,
  groupWords: 4,
  changes: 2,
  join: 1,
  document: 4,
  delivery: 2,
} as const satisfies Record<keyof typeof STREAM_PROTOCOLS, number>

/** So many at once, and so many more per second. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

export interface GossipBudgets {
  /** Messages per author, by topic. */
  readonly messages: Readonly<Record<GossipTopic, Rate>>
  /** Bytes that one peer may send over gossip, its own and those that it passes on; then it is read more slowly. */
  readonly bytes: Rate
  /** The largest message, with the frame around it, in bytes. */
  readonly maxMessageBytes: number
}

export type GossipTopic =
  | 'announcement'
  | 'head'
  | 'evidence'
  | 'change'
  | 'block'
  | 'chainMessage'
  | 'groupWord'

export interface PenaltyBudgets {
  /** Faults that a member may commit: messages that no honest node sends, and rates that it exceeds. */
  readonly faults: Rate
  /** How long a peer is banned at first, in milliseconds. Each further ban lasts twice as long. */
  readonly firstBanMs: number
  readonly longestBanMs: number
  /** After this time without a ban the next one is a first one again, in milliseconds. */
  readonly forgottenAfterMs: number
}

/** Streams of a host outside of runs, which knows no members. */
export const HOST_STREAMS = {
  unreadPerStream: 4 * 1024 * 1024,
  unreadPerPeer: 16 * 1024 * 1024,
  unreadInTotal: 256 * 1024 * 1024,
} as const

/** Each connection that a relay passes on is one of the streams of the connection with it. */
const STREAMS_PER_CONNECTION = 128
const MOST_CIRCUITS = 96

/** Room for the frame around a gossip message. */
const FRAME_BYTES = 8 * 1024
const MiB = 1024 * 1024

/** The budgets of a node in this run. */
export function budgetsOf(run: Run): Budgets {
  const members = run.manifest.members.length
  const maxMessageBytes = run.manifest.chain === undefined ? 64 * 1024 : LIMITS.maxBlockBytes + FRAME_BYTES
  return {
    connections: {
      halfOpen: 256,
      strangers: 32,
      strangerMs: 15_000,
      strangerBytes: 256 * 1024,
      perMember: 4,
      // A cluster on one machine, or a site behind one address, may start all members in one second.
      arrivals: { burst: Math.max(64, 4 * members), perSecond: Math.max(16, members) },
    },
    relay: {
      // Everybody may be behind a router.
      reservations: members,
      circuitsPerConnection: Math.min(MOST_CIRCUITS, members + 4),
      circuits: { burst: Math.max(32, 4 * members), perSecond: 0.2 },
    },
    streams: {
      perConnection: STREAMS_PER_CONNECTION,
      requests: { burst: 1024, perSecond: 256 },
      // An honest member takes one model per round, and some more when it catches up.
      answers: {
        burst: 256 * MiB + 8 * run.modelBytes,
        perSecond: Math.max(64 * MiB, 8 * run.modelBytes),
      },
      unreadPerStream: 4 * MiB,
      unreadPerMember: 16 * MiB,
      unreadPerStranger: 128 * 1024,
      unreadInTotal: 256 * MiB,
    },
    gossip: {
      messages: {
        // Small models on one machine go through some 40 rounds per second, and a node that was frozen hears all that it
        // missed at once: an honest member must never come near these.
        announcement: { burst: 2048, perSecond: 256 },
        head: { burst: 4096, perSecond: 512 },
        evidence: { burst: 64, perSecond: 1 },
        change: { burst: 64, perSecond: 1 },
        block: { burst: 2048, perSecond: 256 },
        chainMessage: { burst: 8192, perSecond: 1024 },
        groupWord: { burst: 4096, perSecond: 512 },
      },
      bytes: { burst: 16 * MiB + 4 * maxMessageBytes, perSecond: 2 * MiB + 4 * maxMessageBytes },
      maxMessageBytes,
    },
    penalties: {
      faults: { burst: 32, perSecond: 0.1 },
      firstBanMs: 60_000,
      longestBanMs: 60 * 60_000,
      forgottenAfterMs: 24 * 60 * 60_000,
    },
  }
}
