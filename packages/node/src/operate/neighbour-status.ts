import { isTrusted } from '../round/standing.js'
import type { InboxItem, RoundState } from '../round/state.js'

/** One neighbour as this node sees it. */
export interface NeighbourStatus {
  readonly peer: string
  /** Admitted and connected, or lost so recently that it may come back. */
  readonly isUp: boolean
  /** Admitted at this moment. */
  readonly isAdmitted: boolean
  /** Its model of the current round. */
  readonly model: 'none' | InboxItem['status']
  /** Why its model could not be fetched; null otherwise. */
  readonly code: string | null
  /** Newest round that it announced; −1 before the first. */
  readonly newestRound: number
  /** Its ledger holds the run's last round. */
  readonly isFinished: boolean
  readonly isQuarantined: boolean
  /** Rounds in a row that it failed. */
  readonly missed: number
  /** Models that it must serve before it is waited for again; 0 when it is not given up. */
  readonly owed: number
  /** When a message of it came last, ms since 1970; null for none in this process. */
  readonly lastSeenMs: number | null
  /** The code with which it refused this node, or this node it; null for none. */
  readonly refused: string | null
  /** Why the node does not go on without it; null when it is not waited for. */
  readonly waitedFor: WaitReason | null
}

/** `absent`: not connected; `silent`: nothing announced; `fetching`: its model is on its way; `unfinished`: its last entry. */
export type WaitReason = 'absent' | 'silent' | 'fetching' | 'unfinished'

interface Seen {
  /** Undefined where the network does not know. */
  readonly isAdmitted: boolean | undefined
  readonly lastSeenMs: number | null
  readonly refused: string | null
}

export function neighbourStatus(state: RoundState, peer: string, seen: Seen): NeighbourStatus {
  const { live, standing, newestRound, finished, quarantined } = state.neighbours.get(peer)!
  const item = state.inbox.get(state.round)?.get(peer)
  return {
    peer,
    isUp: live,
    isAdmitted: seen.isAdmitted ?? live,
    model: item?.status ?? 'none',
    code: item?.status === 'failed' ? item.code : null,
    newestRound,
    isFinished: finished,
    isQuarantined: quarantined,
    missed: standing.missed,
    owed: standing.owed,
    lastSeenMs: seen.lastSeenMs,
    refused: seen.refused,
    waitedFor: waitReason(state, peer),
  }
}

function waitReason(state: RoundState, peer: string): WaitReason | null {
  const { live, standing, finished, quarantined } = state.neighbours.get(peer)!
  if (quarantined) return null
  if (state.phase === 'joining') return live ? null : 'absent'
  if (!live) return null
  if (state.phase === 'lingering') return finished ? null : 'unfinished'
  if (state.phase !== 'collecting' || !isTrusted(standing)) return null
  const item = state.inbox.get(state.round)?.get(peer)
  if (item === undefined) return 'silent'
  return item.status === 'fetching' || item.status === 'announced' ? 'fetching' : null
}
