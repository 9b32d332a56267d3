import { temperedVersion } from '@tempered/lab/versions'
import type { NeighbourStatus, NodeStatus } from '@tempered/node'
import type { DiskUse } from './disk-use.js'
import { type IdleFor, unreadiness } from './readiness.js'

/**
 * What `tempered status --json` prints: the state of a running node. Rounds count from 1, as everywhere that people read;
 * times are ISO 8601 in UTC.
 */
export interface StatusDocument {
  readonly version: string
  /** Name of the node in its configuration. */
  readonly node: string
  readonly pid: number
  readonly startedAt: string
  /** Seconds since the node was opened, which setting the clock does not change. */
  readonly uptimeSeconds: number
  readonly now: string
  readonly peer: string
  readonly run: string
  readonly runName: string
  /** Rounds of the run. */
  readonly rounds: number
  readonly members: number
  /** CID of the epoch of the run; null before its first change. */
  readonly epoch: string | null
  /** Changes of the run that wait for signatures (`tempered member list`). */
  readonly pendingChanges: number
  /** The round being worked on, or the last one when all are done. */
  readonly round: number
  readonly phase: NodeStatus['phase']
  readonly phaseSeconds: number
  /** Seconds until the node goes on without those it waits for; null while nothing limits the wait. */
  readonly secondsLeft: number | null
  readonly ready: boolean
  /** Why it is not ready; empty when it is. */
  readonly reasons: readonly string[]
  readonly addresses: readonly string[]
  readonly neighbours: readonly NeighbourDocument[]
  readonly connections: readonly {
    readonly peer: string
    readonly address: string
    /** Peer id of the relay that it goes through; null for a direct one. */
    readonly relay: string | null
    readonly direction: 'inbound' | 'outbound'
    readonly admitted: boolean
    readonly openedAt: string
    readonly protocols: readonly string[]
  }[]
  /** How many members could dial this node and how many could not; null where `network.checkReachable` is off. */
  readonly reachability: { readonly reachedBy: number; readonly notReachedBy: number } | null
  readonly ledger: {
    readonly entries: number
    readonly head: string
    readonly lastRound: number | null
    /** Entries that more than two thirds of the members have signed. */
    readonly finalEntries: number
  }
  readonly lastRound: {
    readonly round: number
    readonly trainingLoss: number | null
    readonly testLoss: number | null
    readonly testMetric: number | null
  } | null
  /** Bytes of the state folder, and free for this user on its file system; null where that cannot be read. */
  readonly disk: { readonly stateBytes: number | null; readonly freeBytes: number | null }
  readonly quarantined: readonly { readonly peer: string; readonly round: number; readonly kind: string }[]
  readonly refusals: readonly {
    readonly at: string
    readonly peer: string
    readonly code: string
    readonly message: string
  }[]
  readonly notices: readonly { readonly at: string; readonly kind: string; readonly text: string }[]
  /** What strangers and members were kept from taking since the start; null before the network is open. */
  readonly guard: {
    readonly strangers: number
    readonly halfOpen: number
    readonly unreadBytes: number
    readonly banned: readonly { readonly peer: string; readonly code: string; readonly until: string }[]
    readonly rejects: readonly { readonly kind: string; readonly code: string; readonly count: number }[]
  } | null
  readonly bytesReceived: number
  readonly bytesSent: number
}

/** What `tempered status --json` prints of a process that serves jobs while it trains none. */
export interface IdleDocument
  extends Pick<
    StatusDocument,
    'version' | 'node' | 'pid' | 'startedAt' | 'uptimeSeconds' | 'now' | 'ready' | 'reasons' | 'disk'
  > {
  readonly phase: `waiting for ${IdleFor}`
}

/** What the socket answers: the state of the node, or that there is none at this moment. */
export type SocketStatus = { readonly status: StatusDocument } | { readonly idle: IdleDocument }

export interface NeighbourDocument {
  readonly peer: string
  /** Connected, or lost so recently that it may come back. */
  readonly up: boolean
  readonly admitted: boolean
  readonly model: NeighbourStatus['model']
  readonly code: string | null
  readonly newestRound: number | null
  readonly finished: boolean
  readonly quarantined: boolean
  readonly missed: number
  readonly owed: number
  readonly lastSeenAt: string | null
  readonly refused: string | null
  readonly waitedFor: NeighbourStatus['waitedFor']
}

export interface StatusPlace {
  /** Name of the node in its configuration. */
  readonly node: string
  readonly pid: number
  readonly nowMs: number
}

/** @param begunMs - when the process began to serve, in ms since 1970 */
export function idleDocument(
  waitsFor: IdleFor,
  { node, pid, nowMs }: StatusPlace,
  begunMs: number,
  disk: DiskUse,
): IdleDocument {
  const reasons = unreadiness(undefined, waitsFor)
  return {
    ...{ version: temperedVersion(), node, pid },
    startedAt: iso(begunMs),
    uptimeSeconds: (nowMs - begunMs) / 1000,
    now: iso(nowMs),
    phase: `waiting for ${waitsFor}`,
    ready: reasons.length === 0,
    reasons,
    disk,
  }
}

export function statusDocument(status: NodeStatus, place: StatusPlace, disk: DiskUse): StatusDocument {
  const reasons = unreadiness(status)
  return {
    version: temperedVersion(),
    node: place.node,
    pid: place.pid,
    startedAt: iso(status.startedMs),
    uptimeSeconds: status.elapsedMs / 1000,
    now: iso(place.nowMs),
    peer: status.peer,
    run: status.run,
    runName: status.runName,
    rounds: status.rounds,
    members: status.members,
    epoch: status.epoch,
    pendingChanges: status.pendingChanges,
    round: Math.min(status.round + 1, status.rounds),
    phase: status.phase,
    phaseSeconds: status.phaseMs / 1000,
    secondsLeft: status.deadlineMs === null ? null : Math.max(0, status.deadlineMs / 1000),
    ready: reasons.length === 0,
    reasons,
    addresses: status.addresses,
    neighbours: status.neighbours.map(neighbourDocument),
    connections: status.connections.map(({ isAdmitted, openedMs, relay, ...connection }) => ({
      ...connection,
      relay: relay ?? null,
      admitted: isAdmitted,
      openedAt: iso(openedMs),
    })),
    reachability: status.reachability && {
      reachedBy: status.reachability.reachedBy.length,
      notReachedBy: status.reachability.notReachedBy.length,
    },
    ledger: {
      entries: status.ledger.length,
      head: status.ledger.head,
      lastRound: shown(status.ledger.lastRound),
      finalEntries: (status.ledger.finalHeight ?? -1) + 1,
    },
    lastRound: status.lastRound && { ...status.lastRound, round: status.lastRound.round + 1 },
    disk,
    quarantined: status.quarantined.map(({ round, ...one }) => ({ ...one, round: round + 1 })),
    refusals: status.refusals.map(({ atMs, ...one }) => ({ at: iso(atMs), ...one })),
    notices: status.notices.map(({ atMs, ...one }) => ({ at: iso(atMs), ...one })),
    guard: status.guard && {
      strangers: status.guard.strangers,
      halfOpen: status.guard.halfOpen,
      unreadBytes: status.guard.unreadBytes,
      banned: status.guard.bans.map(({ peer, code, until }) => ({ peer, code, until: iso(until) })),
      rejects: status.guard.rejects,
    },
    bytesReceived: status.wire.received,
    bytesSent: status.wire.sent,
  }
}

function neighbourDocument(one: NeighbourStatus): NeighbourDocument {
  return {
    peer: one.peer,
    up: one.isUp,
    admitted: one.isAdmitted,
    model: one.model,
    code: one.code,
    newestRound: one.newestRound < 0 ? null : one.newestRound + 1,
    finished: one.isFinished,
    quarantined: one.isQuarantined,
    missed: one.missed,
    owed: one.owed,
    lastSeenAt: one.lastSeenMs === null ? null : iso(one.lastSeenMs),
    refused: one.refused,
    waitedFor: one.waitedFor,
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()
const shown = (round: number | null): number | null => (round === null ? null : round + 1)
