import { afterDelivery, afterFailure, isSuspect, isTrusted, type Standing } from './standing.js'
import type { Answer, InboxItem, NeighbourState, RoundEffect, RoundState, Step } from './state.js'

/** The part of the round machine that decides how long a round waits for whom. Pure, as machine.ts. */

/** Whether a neighbour's model of this round can still come, and how it stands. */
interface View {
  /** A neighbour that is waited for has not answered. */
  readonly waiting: boolean
  /** Neighbours that are not quarantined. */
  readonly wanted: number
  readonly live: number
  /** Live neighbours that have answered, in whatever way. */
  readonly answered: number
  /** Models that have arrived, and neighbours that are known to be past this round. */
  readonly company: number
  /** A neighbour that is not waited for, but follows, has not answered. */
  readonly following: boolean
}

function viewOf(state: RoundState): View {
  const items = state.inbox.get(state.round)
  const view = { waiting: false, wanted: 0, live: 0, answered: 0, company: 0, following: false }
  for (const [peer, neighbour] of state.neighbours) {
    if (neighbour.quarantined) continue
    view.wanted += 1
    if (neighbour.live) view.live += 1
    const item = items?.get(peer)
    const past = isPast(state, neighbour, item)
    const pending = item === undefined ? !past : item.status === 'fetching'
    if (!pending) {
      if (neighbour.live) view.answered += 1
      if (past || item?.status === 'ready') view.company += 1
    } else if (isWaitedFor(state, neighbour, item)) {
      view.waiting = true
    } else if (follows(state, neighbour, item)) {
      view.following = true
    }
  }
  return view
}

/** True when a neighbour has gone past this round without our having its model: it does not wait for us. */
function isPast(state: RoundState, neighbour: NeighbourState, item: InboxItem | undefined): boolean {
  return item === undefined ? neighbour.newestRound > state.round + 1 : item.status === 'passed'
}

/** A transfer that is under way is waited for even when its sender is lost: it may come back. */
function isWaitedFor(state: RoundState, neighbour: NeighbourState, item: InboxItem | undefined): boolean {
  if (!isTrusted(neighbour.standing)) return false
  if (state.collection.overdue && isSuspect(neighbour.standing)) return false
  return neighbour.live || item?.status === 'fetching'
}

/** It has announced something since the last round closed; transfers from it get fewer chances, the more it failed. */
function follows(state: RoundState, neighbour: NeighbourState, item: InboxItem | undefined): boolean {
  if (!neighbour.live || isTrusted(neighbour.standing)) return false
  if (item === undefined) return neighbour.newestRound > neighbour.seenRound
  return state.round % 2 ** Math.min(neighbour.standing.falls, 5) === 0
}

/** More than two thirds of the members are behind, farther than distance explains, and more than a third still moves. */
function isAhead({ round, runRound, seenRunRound, config }: RoundState): boolean {
  return round > runRound + config.spread && runRound > seenRunRound
}

/** Closes the round if nothing more is to be waited for. */
export function checkCollected(state: RoundState): Step {
  const view = viewOf(state)
  if (view.waiting) return { state, effects: [] }
  if (view.company === 0 && view.wanted > 0) {
    if (state.collection.alone) return { state, effects: [] }
    return {
      state: { ...state, collection: { ...state.collection, alone: true } },
      effects: [{ type: 'notice', notice: { kind: 'alone', round: state.round } }],
    }
  }
  const slow = 2 * view.answered < view.live || isAhead(state)
  if (slow && !state.collection.overdue) return { state, effects: [] }
  if (view.following && state.collection.grace !== 'over') {
    if (state.collection.grace === 'running') return { state, effects: [] }
    return {
      state: { ...state, collection: { ...state.collection, grace: 'running' } },
      effects: [{ type: 'arm', timer: 'grace', round: state.round }],
    }
  }
  return closeRound(state)
}

/** Ends the collection with what has arrived, and notes who failed. */
export function closeRound(state: RoundState): Step {
  const { config, round } = state
  const items = state.inbox.get(round)
  const answers: Answer[] = []
  const notices: RoundEffect[] = []
  const neighbours = new Map(state.neighbours)
  let company = false
  for (const peer of config.neighbours) {
    const neighbour = neighbours.get(peer)!
    const item = items?.get(peer)
    const ready = !neighbour.quarantined && item?.status === 'ready'
    const past = isPast(state, neighbour, item)
    answers.push(
      ready
        ? { peer, status: 'ready', model: item.model, arrival: item.arrival }
        : { peer, status: 'absent', reason: absenceReason(neighbour, item, past) },
    )
    company ||= ready || (past && !neighbour.quarantined)
    let { standing } = neighbour
    if (ready) standing = afterDelivery(standing)
    else if (!past && neighbour.live && isTrusted(standing))
      standing = afterFailure(standing, config.patienceRounds)
    neighbours.set(peer, { ...neighbour, standing, seenRound: neighbour.newestRound })
    notices.push(...standingNotice(peer, round, neighbour, standing))
  }
  const reunited = company && state.collection.alone
  if (reunited) notices.push({ type: 'notice', notice: { kind: 'reunited', round } })
  return {
    state: {
      ...state,
      neighbours,
      seenRunRound: state.runRound,
      phase: 'aggregating',
      collection: { ...state.collection, alone: state.collection.alone && !company },
    },
    effects: [
      { type: 'disarm', timer: 'collect' },
      { type: 'disarm', timer: 'patience' },
      { type: 'disarm', timer: 'grace' },
      ...notices,
      { type: 'aggregate', round, answers },
    ],
  }
}

function standingNotice(
  peer: string,
  round: number,
  { standing: before, quarantined }: NeighbourState,
  after: Standing,
): RoundEffect[] {
  if (quarantined || isTrusted(before) === isTrusted(after)) return []
  return isTrusted(after)
    ? [{ type: 'notice', notice: { kind: 'trusted-again', peer, round } }]
    : [{ type: 'notice', notice: { kind: 'given-up', peer, round, owed: after.owed } }]
}

function absenceReason(neighbour: NeighbourState, item: InboxItem | undefined, past: boolean): string {
  if (neighbour.quarantined) return 'quarantined'
  if (item?.status === 'failed') return item.code
  if (past) return 'passed'
  return neighbour.live || item !== undefined ? 'deadline' : 'down'
}
