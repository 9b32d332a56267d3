import { checkCollected, closeRound } from './collecting.js'
import { GOOD_STANDING, isTrusted } from './standing.js'
import type {
  Collection,
  InboxItem,
  NeighbourState,
  RoundConfig,
  RoundEffect,
  RoundEvent,
  RoundInbox,
  RoundState,
  Step,
} from './state.js'

/**
 * The round machine: a pure function from (state, event) to (state, effects). It has no clock, network or disk;
 * `engine.ts` carries out the effects and feeds their outcomes back as events.
 *
 * A round ends when every neighbour that is waited for has answered, or when its deadline passes. Answers are: a model
 * that has arrived, a transfer that failed, or the information that the neighbour has gone past the round. Neighbours
 * that are down, quarantined or have failed too often (standing.ts) are not waited for. What keeps nodes together:
 *
 * - A node to whom nobody answers waits for the deadline in every round instead of running ahead alone.
 * - A node to whom fewer than half of its live neighbours answer, or that is farther ahead of the run than distance
 *   explains while the run goes on, takes about twice as long as rounds usually take, so those behind it catch up.
 * - A neighbour that is not waited for, but follows, gets a small part of every round as grace, so it catches up.
 * - A node that is behind more than half of its neighbours, or farther behind a third of all members than distance
 *   explains, jumps to their round.
 */
export function initialState(config: RoundConfig): RoundState {
  const neighbours = new Map<string, NeighbourState>()
  for (const peer of config.neighbours) {
    neighbours.set(peer, {
      live: false,
      standing: GOOD_STANDING,
      newestRound: -1,
      seenRound: -1,
      finished: false,
      quarantined: false,
    })
  }
  return {
    config,
    phase: 'idle',
    round: 0,
    pending: false,
    neighbours,
    runRound: -1,
    seenRunRound: -1,
    collection: { overdue: false, grace: 'unused', alone: false },
    inbox: new Map(),
  }
}

export function step(state: RoundState, event: RoundEvent): Step {
  switch (event.type) {
    case 'start':
      return start(state, event.round, event.pending)
    case 'neighbour-up':
      return neighbourUp(state, event.peer, event.newestRound ?? -1)
    case 'neighbour-down':
      return afterNeighbourChange(state, event.peer, { live: false })
    case 'quarantined':
      return afterNeighbourChange(state, event.peer, { quarantined: true })
    case 'run-progress':
      return { state: { ...state, runRound: Math.max(state.runRound, event.round) }, effects: [] }
    case 'head':
      if (event.round < state.config.rounds - 1) return { state, effects: [] }
      return afterNeighbourChange(state, event.peer, { finished: true, newestRound: event.round })
    case 'announced':
      return announced(state, event.peer, event.round, event.model)
    case 'fetched':
      return settled(state, event.peer, event.round, event.model, (arrival) => ({
        status: 'ready',
        model: event.model,
        arrival,
      }))
    case 'fetch-failed':
      return settled(state, event.peer, event.round, event.model, () => ({
        status: 'failed',
        model: event.model,
        code: event.code,
      }))
    case 'passed':
      return passed(state, event.peer, event.round)
    case 'synced':
      return state.phase === 'syncing' ? enterRound(state, state.round, []) : { state, effects: [] }
    case 'trained':
      return trained(state)
    case 'published':
      return published(state, event.round)
    case 'aggregated':
      return aggregated(state, event.round)
    case 'timeout':
      return timeout(state, event)
  }
}

/**
 * The round that a majority of the neighbours has reached, −1 before any. One Byzantine neighbour cannot change it:
 * of m neighbours, more than m/2 must have announced that round or a later one.
 */
export function majorityRound(state: RoundState): number {
  const rounds: number[] = []
  for (const neighbour of state.neighbours.values())
    if (!neighbour.quarantined) rounds.push(neighbour.newestRound)
  if (rounds.length === 0) return -1
  rounds.sort((a, b) => b - a)
  return rounds[Math.floor(rounds.length / 2)]!
}

/** The round that a node that has finished with its own work on `round` works on next. */
function targetRound(state: RoundState, round: number): number {
  const { rounds, spread } = state.config
  const lostTouch = state.runRound > round + spread
  const others = Math.max(majorityRound(state), lostTouch ? state.runRound : -1)
  return Math.max(round, Math.min(others, rounds - 1))
}

function start(state: RoundState, round: number, pending: boolean): Step {
  if (state.phase !== 'idle') return { state, effects: [] }
  const next: RoundState = { ...state, phase: 'joining', round, pending }
  return round >= state.config.rounds ? enterRound(next, round, []) : checkJoined(next, [])
}

function checkJoined(state: RoundState, effects: readonly RoundEffect[]): Step {
  const { isNew = false, awaited } = state.config
  const wanted = [...state.neighbours.values()].filter((neighbour) => !neighbour.quarantined)
  const anyLive = wanted.some((neighbour) => neighbour.live)
  const isOver = state.round > 0 && wanted.some((neighbour) => neighbour.live && neighbour.finished)
  const ahead = majorityRound(state)
  const underWay = anyLive && (isOver || (isNew ? ahead >= 0 : ahead > state.round))
  // A run that is under way, or over, does not wait, and this node need not wait for anyone.
  const isThere = ([peer, { live, quarantined }]: [string, NeighbourState]): boolean =>
    live || quarantined || awaited?.has(peer) === false
  if (underWay || [...state.neighbours].every(isThere)) {
    return joined(state, [...effects, { type: 'disarm', timer: 'join' }])
  }
  if (anyLive) {
    return { state, effects: [...effects, { type: 'arm', timer: 'join', round: state.round }] }
  }
  return { state, effects }
}

/** Begins with the next round, or, if neighbours are ahead, with their progress. */
function joined(state: RoundState, effects: readonly RoundEffect[]): Step {
  const { rounds, isNew = false } = state.config
  const ahead = majorityRound(state)
  const behind = (isNew ? ahead >= 0 : ahead > state.round) && state.round < rounds
  if (!behind) return enterRound(state, state.round, effects)
  const peers = state.config.neighbours.filter((peer) => {
    const neighbour = state.neighbours.get(peer)!
    return neighbour.live && !neighbour.quarantined
  })
  // What was announced before a crash belongs to a round that is over.
  const syncing: RoundState = { ...state, phase: 'syncing', pending: false }
  return { state: syncing, effects: [...effects, { type: 'sync', peers }] }
}

function enterRound(state: RoundState, round: number, effects: readonly RoundEffect[]): Step {
  const { rounds } = state.config
  if (round >= rounds) {
    const lingering: RoundState = { ...state, phase: 'lingering', round: rounds, inbox: new Map() }
    return checkLingered(lingering, [...effects, { type: 'arm', timer: 'linger', round: rounds }])
  }
  const target = targetRound(state, round)
  const moved = moveTo(state, target)
  const resumed = state.pending && target === state.round
  return {
    state: { ...moved.state, phase: resumed ? 'publishing' : 'training', pending: false },
    effects: [
      ...effects,
      ...jumped(round, target),
      { type: resumed ? 'publish' : 'train', round: target },
      ...moved.effects,
    ],
  }
}

function jumped(from: number, to: number): RoundEffect[] {
  return to > from ? [{ type: 'notice', notice: { kind: 'jumped', from, to } }] : []
}

/** Sets the round, forgets earlier ones and starts the transfers for it and the next one. */
function moveTo(state: RoundState, round: number): Step {
  const inbox = new Map<number, RoundInbox>()
  const effects: RoundEffect[] = [{ type: 'forget', round }]
  for (const [inboxRound, items] of state.inbox) {
    if (inboxRound < round) continue
    if (inboxRound > round + 1) {
      inbox.set(inboxRound, items)
      continue
    }
    const due = new Map<string, InboxItem>()
    for (const [peer, item] of items) {
      if (item.status === 'announced' && !state.neighbours.get(peer)?.quarantined) {
        due.set(peer, { status: 'fetching', model: item.model })
        effects.push({ type: 'fetch', peer, round: inboxRound, model: item.model })
      } else {
        due.set(peer, item)
      }
    }
    inbox.set(inboxRound, due)
  }
  return { state: { ...state, round, inbox }, effects }
}

function afterNeighbourChange(state: RoundState, peer: string, change: Partial<NeighbourState>): Step {
  const neighbour = state.neighbours.get(peer)
  if (neighbour === undefined) return { state, effects: [] }
  const neighbours = new Map(state.neighbours)
  neighbours.set(peer, { ...neighbour, ...change })
  return recheck({ ...state, neighbours })
}

/** Called after anything that a phase may have been waiting for. */
function recheck(state: RoundState): Step {
  if (state.phase === 'joining') return checkJoined(state, [])
  if (state.phase === 'collecting') return checkCollected(state)
  if (state.phase === 'lingering') return checkLingered(state, [])
  return { state, effects: [] }
}

function neighbourUp(state: RoundState, peer: string, newest: number): Step {
  const known = state.neighbours.get(peer)?.newestRound ?? -1
  const newestRound = newest < state.config.rounds ? Math.max(known, newest) : known
  return afterNeighbourChange(state, peer, { live: true, newestRound })
}

function announced(state: RoundState, peer: string, round: number, model: string): Step {
  const neighbour = state.neighbours.get(peer)
  if (neighbour === undefined || neighbour.quarantined || round >= state.config.rounds)
    return { state, effects: [] }
  const neighbours = new Map(state.neighbours)
  neighbours.set(peer, { ...neighbour, newestRound: Math.max(neighbour.newestRound, round) })
  const next: RoundState = { ...state, neighbours }
  const closed = state.phase === 'aggregating' ? state.round + 1 : state.round
  const known = state.inbox.get(round)?.get(peer)
  if (round < closed || (known !== undefined && known.status !== 'passed')) return recheck(next)
  const far = round > state.round + 1
  const stored = putItem(
    next,
    peer,
    round,
    far ? { status: 'announced', model } : { status: 'fetching', model },
  )
  // It is past this round, so it is not waited for.
  if (far) return recheck(keepNewestAhead(stored, peer, round))
  return { state: stored, effects: [{ type: 'fetch', peer, round, model }] }
}

/** Keeps one far-ahead announcement per neighbour, which bounds the memory that a peer can make us use. */
function keepNewestAhead(state: RoundState, peer: string, newest: number): RoundState {
  const inbox = new Map<number, RoundInbox>()
  for (const [round, items] of state.inbox) {
    if (round <= state.round + 1 || round === newest || !items.has(peer)) {
      inbox.set(round, items)
      continue
    }
    const kept = new Map(items)
    kept.delete(peer)
    if (kept.size > 0) inbox.set(round, kept)
  }
  return { ...state, inbox }
}

function putItem(state: RoundState, peer: string, round: number, item: InboxItem): RoundState {
  const items = new Map(state.inbox.get(round))
  items.set(peer, item)
  return { ...state, inbox: new Map(state.inbox).set(round, items) }
}

function settled(
  state: RoundState,
  peer: string,
  round: number,
  model: string,
  outcome: (arrival: number) => InboxItem,
): Step {
  const items = state.inbox.get(round)
  const item = items?.get(peer)
  if (items === undefined || item?.status !== 'fetching' || item.model !== model)
    return { state, effects: [] }
  let arrival = 0
  for (const other of items.values()) if (other.status === 'ready') arrival += 1
  return recheck(putItem(state, peer, round, outcome(arrival)))
}

function passed(state: RoundState, peer: string, round: number): Step {
  const neighbour = state.neighbours.get(peer)
  if (neighbour === undefined || round < state.round || round > state.round + 1) return { state, effects: [] }
  if (state.inbox.get(round)?.get(peer) !== undefined) return { state, effects: [] }
  return recheck(putItem(state, peer, round, { status: 'passed' }))
}

function trained(state: RoundState): Step {
  if (state.phase !== 'training') return { state, effects: [] }
  // Neighbours that did not wait for us are ahead: what we trained is our model of their round.
  const target = targetRound(state, state.round)
  const moved = target > state.round ? moveTo(state, target) : { state, effects: [] }
  return {
    state: { ...moved.state, phase: 'publishing' },
    effects: [...jumped(state.round, target), ...moved.effects, { type: 'publish', round: target }],
  }
}

function published(state: RoundState, round: number): Step {
  if (state.phase !== 'publishing' || round !== state.round) return { state, effects: [] }
  const collection: Collection = { ...state.collection, overdue: false, grace: 'unused' }
  const checked = checkCollected({ ...state, phase: 'collecting', collection })
  const effects: RoundEffect[] = [
    { type: 'arm', timer: 'collect', round },
    { type: 'arm', timer: 'patience', round },
    ...checked.effects,
  ]
  return { state: checked.state, effects }
}

function aggregated(state: RoundState, round: number): Step {
  if (state.phase !== 'aggregating' || round !== state.round) return { state, effects: [] }
  return enterRound(state, round + 1, [])
}

function checkLingered(state: RoundState, effects: readonly RoundEffect[]): Step {
  for (const neighbour of state.neighbours.values()) {
    const awaited = isTrusted(neighbour.standing) && !neighbour.finished
    if (neighbour.live && !neighbour.quarantined && awaited) return { state, effects }
  }
  return {
    state: { ...state, phase: 'done' },
    effects: [...effects, { type: 'disarm', timer: 'linger' }, { type: 'finish' }],
  }
}

function timeout(state: RoundState, event: RoundEvent & { type: 'timeout' }): Step {
  if (event.round !== state.round) return { state, effects: [] }
  if (event.timer === 'join' && state.phase === 'joining') return joined(state, [])
  if (state.phase === 'collecting') {
    const { collection } = state
    if (event.timer === 'collect') return closeRound(state)
    if (event.timer === 'patience')
      return checkCollected({ ...state, collection: { ...collection, overdue: true } })
    if (event.timer === 'grace')
      return checkCollected({ ...state, collection: { ...collection, grace: 'over' } })
  }
  if (event.timer === 'linger' && state.phase === 'lingering') {
    return { state: { ...state, phase: 'done' }, effects: [{ type: 'finish' }] }
  }
  return { state, effects: [] }
}
