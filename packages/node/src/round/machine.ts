import type {
  Answer,
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
 * A round ends when every live neighbour has answered, or when its deadline passes. Answers are: a model that has
 * arrived, a transfer that failed, or the information that the neighbour has gone past the round. Neighbours that are
 * down, quarantined or out of patience are not waited for. A node whose neighbours are all down waits for one until
 * the deadline instead of running ahead alone.
 */
export function initialState(config: RoundConfig): RoundState {
  const neighbours = new Map<string, NeighbourState>()
  for (const peer of config.neighbours) {
    neighbours.set(peer, { live: false, missed: 0, newestRound: -1, finished: false, quarantined: false })
  }
  return { config, phase: 'idle', round: 0, pending: false, neighbours, inbox: new Map() }
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
    case 'head':
      if (event.round < state.config.rounds - 1) return { state, effects: [] }
      return afterNeighbourChange(state, event.peer, { finished: true })
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

function start(state: RoundState, round: number, pending: boolean): Step {
  if (state.phase !== 'idle') return { state, effects: [] }
  const next: RoundState = { ...state, phase: 'joining', round, pending }
  return round >= state.config.rounds ? enterRound(next, round, []) : checkJoined(next, [])
}

function checkJoined(state: RoundState, effects: readonly RoundEffect[]): Step {
  const wanted = [...state.neighbours.values()].filter((neighbour) => !neighbour.quarantined)
  const anyLive = wanted.some((neighbour) => neighbour.live)
  const underWay = anyLive && majorityRound(state) > state.round
  // A run that is under way does not wait, and this node need not wait for anyone.
  if (underWay || wanted.every((neighbour) => neighbour.live)) {
    return joined(state, [...effects, { type: 'disarm', timer: 'join' }])
  }
  if (anyLive) {
    return { state, effects: [...effects, { type: 'arm', timer: 'join', round: state.round }] }
  }
  return { state, effects }
}

/** Begins with the next round, or, if neighbours are ahead, with their progress. */
function joined(state: RoundState, effects: readonly RoundEffect[]): Step {
  const { rounds } = state.config
  const behind = majorityRound(state) > state.round && state.round < rounds
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
  const target = Math.max(round, Math.min(majorityRound(state), rounds - 1))
  const moved = moveTo(state, target)
  const resumed = state.pending && target === state.round
  return {
    state: { ...moved.state, phase: resumed ? 'publishing' : 'training', pending: false },
    effects: [...effects, { type: resumed ? 'publish' : 'train', round: target }, ...moved.effects],
  }
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
  if (far) return { state: keepNewestAhead(stored, peer, round), effects: [] }
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
  const target = Math.max(state.round, Math.min(majorityRound(state), state.config.rounds - 1))
  const moved = target > state.round ? moveTo(state, target) : { state, effects: [] }
  return {
    state: { ...moved.state, phase: 'publishing' },
    effects: [...moved.effects, { type: 'publish', round: target }],
  }
}

function published(state: RoundState, round: number): Step {
  if (state.phase !== 'publishing' || round !== state.round) return { state, effects: [] }
  const checked = checkCollected({ ...state, phase: 'collecting' })
  const effects: RoundEffect[] = [{ type: 'arm', timer: 'collect', round }, ...checked.effects]
  return { state: checked.state, effects }
}

/** True when nothing more can be expected from this neighbour in this round. */
function hasAnswered(state: RoundState, neighbour: NeighbourState, item: InboxItem | undefined): boolean {
  if (neighbour.quarantined) return true
  if (item !== undefined) return item.status !== 'fetching'
  return !neighbour.live || neighbour.missed >= state.config.patienceRounds
}

function checkCollected(state: RoundState): Step {
  const items = state.inbox.get(state.round)
  let anyAnswer = false
  let anyLive = false
  for (const [peer, neighbour] of state.neighbours) {
    const item = items?.get(peer)
    if (!hasAnswered(state, neighbour, item)) return { state, effects: [] }
    if (neighbour.quarantined) continue
    anyAnswer ||= item !== undefined
    anyLive ||= neighbour.live
  }
  const alone = !anyAnswer && !anyLive
  const wanted = [...state.neighbours.values()].some((neighbour) => !neighbour.quarantined)
  if (alone && wanted) return { state, effects: [] }
  return closeRound(state, false)
}

function closeRound(state: RoundState, atDeadline: boolean): Step {
  const items = state.inbox.get(state.round)
  const answers: Answer[] = []
  const neighbours = new Map(state.neighbours)
  for (const peer of state.config.neighbours) {
    const neighbour = neighbours.get(peer)!
    const item = items?.get(peer)
    if (!neighbour.quarantined && item?.status === 'ready') {
      answers.push({ peer, status: 'ready', model: item.model, arrival: item.arrival })
      if (neighbour.missed > 0) neighbours.set(peer, { ...neighbour, missed: 0 })
      continue
    }
    answers.push({ peer, status: 'absent', reason: absenceReason(neighbour, item) })
    const silent = item === undefined || item.status === 'fetching'
    if (atDeadline && silent && neighbour.live)
      neighbours.set(peer, { ...neighbour, missed: neighbour.missed + 1 })
  }
  return {
    state: { ...state, neighbours, phase: 'aggregating' },
    effects: [
      { type: 'disarm', timer: 'collect' },
      { type: 'aggregate', round: state.round, answers },
    ],
  }
}

function absenceReason(neighbour: NeighbourState, item: InboxItem | undefined): string {
  if (neighbour.quarantined) return 'quarantined'
  if (item?.status === 'failed') return item.code
  if (item?.status === 'passed') return 'passed'
  return neighbour.live || item !== undefined ? 'deadline' : 'down'
}

function aggregated(state: RoundState, round: number): Step {
  if (state.phase !== 'aggregating' || round !== state.round) return { state, effects: [] }
  return enterRound(state, round + 1, [])
}

function checkLingered(state: RoundState, effects: readonly RoundEffect[]): Step {
  for (const neighbour of state.neighbours.values()) {
    const patient = neighbour.missed < state.config.patienceRounds
    if (neighbour.live && !neighbour.quarantined && !neighbour.finished && patient) return { state, effects }
  }
  return {
    state: { ...state, phase: 'done' },
    effects: [...effects, { type: 'disarm', timer: 'linger' }, { type: 'finish' }],
  }
}

function timeout(state: RoundState, event: RoundEvent & { type: 'timeout' }): Step {
  if (event.round !== state.round) return { state, effects: [] }
  if (event.timer === 'join' && state.phase === 'joining') return joined(state, [])
  if (event.timer === 'collect' && state.phase === 'collecting') return closeRound(state, true)
  if (event.timer === 'linger' && state.phase === 'lingering') {
    return { state: { ...state, phase: 'done' }, effects: [{ type: 'finish' }] }
  }
  return { state, effects: [] }
}
