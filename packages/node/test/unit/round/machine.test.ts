import { describe, expect, it } from 'vitest'
import { initialState, majorityRound, step } from '../../../src/round/machine.js'
import type { RoundEffect, RoundEvent, RoundState, TimerName } from '../../../src/round/state.js'

const PEERS = ['a', 'b', 'c']

function fresh(peers: readonly string[] = PEERS, rounds = 5): RoundState {
  return initialState({ rounds, neighbours: peers, patienceRounds: 2, spread: 1 })
}

/** Applies events in order; returns the last state and all effects. */
function play(state: RoundState, ...events: RoundEvent[]): { state: RoundState; effects: RoundEffect[] } {
  const effects: RoundEffect[] = []
  let current = state
  for (const event of events) {
    const result = step(current, event)
    current = result.state
    effects.push(...result.effects)
  }
  return { state: current, effects }
}

const up = (peer: string, newestRound?: number): RoundEvent =>
  newestRound === undefined ? { type: 'neighbour-up', peer } : { type: 'neighbour-up', peer, newestRound }
const down = (peer: string): RoundEvent => ({ type: 'neighbour-down', peer })
const start: RoundEvent = { type: 'start', round: 0, pending: false }
const announced = (peer: string, round: number, model = `${peer}${round}`): RoundEvent => ({
  type: 'announced',
  peer,
  round,
  model,
})
const fetched = (peer: string, round: number, model = `${peer}${round}`): RoundEvent => ({
  type: 'fetched',
  peer,
  round,
  model,
})
const failed = (peer: string, round: number, code = 'E_HASH_MISMATCH'): RoundEvent => ({
  type: 'fetch-failed',
  peer,
  round,
  model: `${peer}${round}`,
  code,
})
const timeout = (timer: TimerName, round: number): RoundEvent => ({
  type: 'timeout',
  timer,
  round,
})
const trained: RoundEvent = { type: 'trained' }
const published = (round: number): RoundEvent => ({ type: 'published', round })

/** All neighbours up, training done, announcement out: collecting round 0. */
function collecting(peers: readonly string[] = PEERS): RoundState {
  return play(fresh(peers), ...peers.map((peer) => up(peer)), start, trained, published(0)).state
}

function answersOf(effects: readonly RoundEffect[]) {
  const aggregate = effects.find((effect) => effect.type === 'aggregate')
  return aggregate?.type === 'aggregate' ? aggregate.answers : undefined
}

describe('joining', () => {
  it('waits for every neighbour', () => {
    const { state, effects } = play(fresh(), start, up('a'), up('b'))
    expect(state.phase).toBe('joining')
    expect(effects.filter((effect) => effect.type === 'train')).toEqual([])
    const next = step(state, up('c'))
    expect(next.state.phase).toBe('training')
    expect(next.effects).toContainEqual({ type: 'train', round: 0 })
  })

  it('arms the join deadline once the first neighbour is up, and starts without the others when it passes', () => {
    expect(play(fresh(), start).effects).toEqual([])
    const { state, effects } = play(fresh(), start, up('a'))
    expect(effects).toContainEqual({ type: 'arm', timer: 'join', round: 0 })
    expect(step(state, timeout('join', 0)).state.phase).toBe('training')
  })

  it('starts at once without neighbours', () => {
    expect(play(fresh([]), start).state.phase).toBe('training')
  })

  it('resumes at the round after the last entry', () => {
    const { state, effects } = play(fresh(), ...PEERS.map((peer) => up(peer)), {
      type: 'start',
      round: 3,
      pending: false,
    })
    expect(state.round).toBe(3)
    expect(effects).toContainEqual({ type: 'train', round: 3 })
  })

  it('publishes a pending announcement again instead of training', () => {
    const { state, effects } = play(fresh(), ...PEERS.map((peer) => up(peer)), {
      type: 'start',
      round: 3,
      pending: true,
    })
    expect(state.phase).toBe('publishing')
    expect(effects).toContainEqual({ type: 'publish', round: 3 })
    expect(effects.some((effect) => effect.type === 'train')).toBe(false)
  })

  it('drops a pending announcement when the neighbours are past its round', () => {
    const ahead = PEERS.map((peer) => announced(peer, 4))
    const { state, effects } = play(fresh(), ...ahead, ...PEERS.map((peer) => up(peer)), {
      type: 'start',
      round: 3,
      pending: true,
    })
    expect([state.phase, state.pending]).toEqual(['syncing', false])
    expect(effects).toContainEqual({ type: 'sync', peers: PEERS })
    expect(play(state, { type: 'synced' }).effects).toContainEqual({ type: 'train', round: 4 })
    expect(effects.some((effect) => effect.type === 'publish')).toBe(false)
  })

  it('asks all live neighbours when the last one arrives with an announcement of a later round', () => {
    const back: RoundEvent = { type: 'start', round: 1, pending: false }
    const { state, effects } = play(fresh(['a', 'b']), back, up('a', 4), up('b', 2))
    expect(state.phase).toBe('syncing')
    expect(effects.filter((effect) => effect.type === 'sync')).toEqual([{ type: 'sync', peers: ['a', 'b'] }])
    const alone = play(fresh(['a']), back, up('a', 4))
    expect(alone.effects).toContainEqual({ type: 'sync', peers: ['a'] })
    // If the same announcement came later, it would have begun already.
    expect(play(fresh(['a']), back, up('a'), announced('a', 4)).state.phase).toBe('training')
  })

  it('believes no round beyond the last one', () => {
    const { state } = play(fresh(['a']), { type: 'start', round: 1, pending: false }, up('a', 99))
    expect([state.phase, state.neighbours.get('a')?.newestRound]).toEqual(['training', -1])
  })

  it('asks no one before a neighbour is up', () => {
    const back: RoundEvent = { type: 'start', round: 1, pending: false }
    const heard = play(fresh(['a']), back, announced('a', 4), announced('a', 4), {
      type: 'head',
      peer: 'a',
      round: 4,
    })
    expect([heard.state.phase, heard.effects.filter((effect) => effect.type === 'sync')]).toEqual([
      'joining',
      [],
    ])
    expect(play(heard.state, up('a')).effects).toContainEqual({ type: 'sync', peers: ['a'] })
  })

  it('has nothing to do when the run is over', () => {
    const { state, effects } = play(fresh(), { type: 'start', round: 5, pending: false })
    expect(state.phase).toBe('done')
    expect(effects).toContainEqual({ type: 'finish' })
  })
})

describe('collecting', () => {
  it('ends when the last neighbour has answered, not before', () => {
    let state = collecting()
    for (const peer of PEERS) state = play(state, announced(peer, 0)).state
    state = play(state, fetched('c', 0), fetched('a', 0)).state
    expect(state.phase).toBe('collecting')
    const { effects } = play(state, fetched('b', 0))
    expect(answersOf(effects)).toEqual([
      { peer: 'a', status: 'ready', model: 'a0', arrival: 1 },
      { peer: 'b', status: 'ready', model: 'b0', arrival: 2 },
      { peer: 'c', status: 'ready', model: 'c0', arrival: 0 },
    ])
  })

  it('takes models that came while it was still training', () => {
    const early = PEERS.flatMap((peer) => [announced(peer, 0), fetched(peer, 0)])
    const { state, effects } = play(
      fresh(),
      ...PEERS.map((peer) => up(peer)),
      start,
      ...early,
      trained,
      published(0),
    )
    expect(state.phase).toBe('aggregating')
    expect(answersOf(effects)?.every((answer) => answer.status === 'ready')).toBe(true)
  })

  it('counts a failed transfer as an answer with its code', () => {
    const events = [announced('a', 0), announced('b', 0), announced('c', 0), fetched('a', 0), fetched('b', 0)]
    const { effects } = play(collecting(), ...events, failed('c', 0))
    expect(answersOf(effects)?.[2]).toEqual({ peer: 'c', status: 'absent', reason: 'E_HASH_MISMATCH' })
  })

  it('fetches an announcement once, even if it is repeated', () => {
    const { effects } = play(collecting(), announced('a', 0), announced('a', 0), announced('a', 0, 'other'))
    expect(effects.filter((effect) => effect.type === 'fetch')).toHaveLength(1)
  })

  it('ignores outcomes of transfers that it did not start', () => {
    const { state } = play(collecting(), fetched('a', 0), announced('a', 0), fetched('a', 0, 'other'))
    expect(state.inbox.get(0)?.get('a')).toEqual({ status: 'fetching', model: 'a0' })
  })

  it('continues without a neighbour that went down, and records that', () => {
    const events = [announced('a', 0), announced('b', 0), fetched('a', 0), fetched('b', 0)]
    const { effects } = play(collecting(), ...events, down('c'))
    expect(answersOf(effects)?.[2]).toEqual({ peer: 'c', status: 'absent', reason: 'down' })
  })

  it('still accepts the model of a neighbour that went down during the transfer', () => {
    const events = [announced('c', 0), down('c'), down('a'), down('b')]
    const { state } = play(collecting(), ...events)
    expect(state.phase).toBe('collecting')
    expect(answersOf(play(state, fetched('c', 0)).effects)?.[2]?.status).toBe('ready')
  })

  it('waits until the deadline when it is all alone', () => {
    const { state } = play(collecting(), ...PEERS.map(down))
    expect(state.phase).toBe('collecting')
    const { effects } = play(state, timeout('collect', 0))
    expect(answersOf(effects)?.map((answer) => answer.status)).toEqual(['absent', 'absent', 'absent'])
  })

  it('does not wait when there is no neighbour', () => {
    const { effects } = play(fresh([]), start, trained, published(0))
    expect(answersOf(effects)).toEqual([])
  })

  it('never waits past the deadline', () => {
    const { state, effects } = play(
      collecting(),
      announced('a', 0),
      fetched('a', 0),
      announced('b', 0),
      timeout('collect', 0),
    )
    expect(state.phase).toBe('aggregating')
    expect(answersOf(effects)).toEqual([
      { peer: 'a', status: 'ready', model: 'a0', arrival: 0 },
      { peer: 'b', status: 'absent', reason: 'deadline' },
      { peer: 'c', status: 'absent', reason: 'deadline' },
    ])
  })

  it('ignores the deadline of another round', () => {
    expect(step(collecting(), timeout('collect', 1)).state.phase).toBe('collecting')
  })

  it('stops waiting for a silent neighbour once its patience is used up, and waits again when it is back', () => {
    let state = collecting(['a', 'b'])
    for (const round of [0, 1]) {
      state = play(state, announced('a', round), fetched('a', round), timeout('collect', round)).state
      state = play(state, { type: 'aggregated', round }, trained, published(round + 1)).state
    }
    expect(state.neighbours.get('b')?.standing).toEqual({ missed: 0, falls: 1, owed: 1, served: 0 })
    // Round 2: b is silent, but this node does not wait for it.
    const round2 = play(state, announced('a', 2), fetched('a', 2))
    expect(round2.state.phase).toBe('aggregating')
    // Round 3: b announces in time, and its model clears its debt.
    state = play(round2.state, { type: 'aggregated', round: 2 }, trained, published(3)).state
    state = play(state, announced('b', 3), fetched('b', 3), announced('a', 3), fetched('a', 3)).state
    // Round 4: b is waited for again.
    state = play(state, { type: 'aggregated', round: 3 }, trained, published(4)).state
    state = play(state, announced('a', 4), fetched('a', 4)).state
    expect(state.phase).toBe('collecting')
    expect(state.neighbours.get('b')?.standing).toEqual({ missed: 0, falls: 1, owed: 0, served: 0 })
  })

  it('waits for the deadline when nobody answers, and says so once', () => {
    let state = collecting(['a', 'b'])
    const notices: unknown[] = []
    for (const round of [0, 1, 2]) {
      const closed = play(state, timeout('patience', round), timeout('collect', round))
      expect(closed.state.phase).toBe('aggregating')
      const next = play(closed.state, { type: 'aggregated', round }, trained, published(round + 1))
      expect(next.state.phase).toBe('collecting')
      for (const effect of [...closed.effects, ...next.effects])
        if (effect.type === 'notice') notices.push(effect.notice)
      state = next.state
    }
    expect(notices).toEqual([
      { kind: 'alone', round: 1 },
      { kind: 'given-up', peer: 'a', round: 1, owed: 1 },
      { kind: 'given-up', peer: 'b', round: 1, owed: 1 },
    ])
    const company = play(state, announced('a', 3), fetched('a', 3))
    expect(company.effects).toContainEqual({ type: 'notice', notice: { kind: 'reunited', round: 3 } })
  })

  it('counts a transfer that failed, in whatever way, as a failure', () => {
    let state = collecting(['a', 'b'])
    for (const round of [0, 1]) {
      const events = [announced('a', round), fetched('a', round), announced('b', round)]
      state = play(state, ...events, failed('b', round, 'E_TIMEOUT')).state
      state = play(state, { type: 'aggregated', round }, trained, published(round + 1)).state
    }
    const { state: third } = play(state, announced('b', 2), announced('a', 2), fetched('a', 2))
    // Round 2 is even, so b's transfer has a grace.
    expect([third.phase, third.collection.grace]).toEqual(['collecting', 'running'])
    expect(step(third, timeout('grace', 2)).state.phase).toBe('aggregating')
  })

  it('waits for a neighbour that failed recently only as long as rounds usually take', () => {
    let state = collecting(['a', 'b'])
    state = play(state, announced('a', 0), fetched('a', 0), timeout('collect', 0)).state
    state = play(state, { type: 'aggregated', round: 0 }, trained, published(1)).state
    const both = play(state, announced('a', 1), fetched('a', 1))
    expect(both.state.phase).toBe('collecting')
    expect(step(both.state, timeout('patience', 1)).state.phase).toBe('aggregating')
    // One that never failed is waited for until the deadline.
    const good = play(collecting(['a', 'b']), announced('a', 0), fetched('a', 0), timeout('patience', 0))
    expect(good.state.phase).toBe('collecting')
  })

  it('takes longer than usual while fewer than half of the live neighbours answer', () => {
    const peers = ['a', 'b', 'c', 'd']
    let state = collecting(peers)
    for (const round of [0, 1]) {
      state = play(state, announced('a', round), fetched('a', round), timeout('collect', round)).state
      state = play(state, { type: 'aggregated', round }, trained, published(round + 1)).state
    }
    const one = play(state, announced('a', 2), fetched('a', 2))
    expect(one.state.phase).toBe('collecting')
    expect(step(one.state, timeout('patience', 2)).state.phase).toBe('aggregating')
    expect(play(one.state, announced('b', 2), fetched('b', 2)).state.phase).toBe('aggregating')
  })

  it('gives a neighbour that is not waited for a grace while it follows', () => {
    let state = collecting(['a', 'b'])
    for (const round of [0, 1]) {
      state = play(state, announced('a', round), fetched('a', round), timeout('collect', round)).state
      state = play(state, { type: 'aggregated', round }, trained, published(round + 1)).state
    }
    const following = play(state, announced('b', 0), announced('a', 2), fetched('a', 2))
    expect(following.effects).toContainEqual({ type: 'arm', timer: 'grace', round: 2 })
    expect(following.state.phase).toBe('collecting')
    const closed = step(following.state, timeout('grace', 2)).state
    expect(closed.phase).toBe('aggregating')
    // It has announced nothing since.
    state = play(closed, { type: 'aggregated', round: 2 }, trained, published(3)).state
    expect(play(state, announced('a', 3), fetched('a', 3)).state.phase).toBe('aggregating')
  })

  it('takes longer than usual while it is far ahead of a run that goes on', () => {
    const fresh2 = initialState({ rounds: 50, neighbours: ['a'], patienceRounds: 2, spread: 2 })
    const begin: RoundEvent = { type: 'start', round: 9, pending: false }
    const progress = (round: number): RoundEvent => ({ type: 'run-progress', round })
    const answer = [announced('a', 9), fetched('a', 9)]
    const ready = play(fresh2, up('a'), begin, trained, published(9), progress(6), ...answer)
    expect(ready.state.phase).toBe('collecting')
    const closed = step(ready.state, timeout('patience', 9)).state
    expect(closed.phase).toBe('aggregating')
    const next = play(closed, { type: 'aggregated', round: 9 }, trained, published(10))
    const answer10 = [announced('a', 10), fetched('a', 10)]
    expect(play(next.state, ...answer10).state.phase).toBe('aggregating')
    expect(play(next.state, progress(7), ...answer10).state.phase).toBe('collecting')
    expect(play(next.state, progress(8), ...answer10).state.phase).toBe('aggregating')
  })

  it('takes a neighbour two rounds ahead as past this round', () => {
    const { effects } = play(collecting(['a', 'b']), announced('a', 0), fetched('a', 0), announced('b', 2))
    expect(answersOf(effects)?.[1]).toEqual({ peer: 'b', status: 'absent', reason: 'passed' })
  })

  it('jumps to the round of the run when distance does not explain the lag', () => {
    const start7 = initialState({ rounds: 50, neighbours: ['a', 'b'], patienceRounds: 2, spread: 3 })
    const own = play(start7, up('a'), up('b'), start)
    expect(play(own.state, { type: 'run-progress', round: 3 }, trained).state.round).toBe(0)
    const lost = play(own.state, { type: 'run-progress', round: 4 }, trained)
    expect(lost.state.round).toBe(4)
    expect(lost.effects).toContainEqual({ type: 'notice', notice: { kind: 'jumped', from: 0, to: 4 } })
  })

  it('takes "nothing for this round" as an answer', () => {
    const events = [announced('a', 0), announced('b', 0), fetched('a', 0), fetched('b', 0)]
    const { effects } = play(collecting(), ...events, { type: 'passed', peer: 'c', round: 0 })
    expect(answersOf(effects)?.[2]).toEqual({ peer: 'c', status: 'absent', reason: 'passed' })
  })

  it('leaves out a quarantined neighbour even if its model is here', () => {
    const events = PEERS.flatMap((peer) => [announced(peer, 0)])
    const { state } = play(collecting(), ...events, fetched('a', 0), fetched('b', 0))
    const { effects } = play(state, { type: 'quarantined', peer: 'a' }, fetched('c', 0))
    expect(answersOf(effects)?.[0]).toEqual({ peer: 'a', status: 'absent', reason: 'quarantined' })
    expect(play(state, { type: 'quarantined', peer: 'a' }, announced('a', 1)).effects).toEqual([])
  })
})

describe('quarantine', () => {
  it("drops a neighbour's announcements for later rounds", () => {
    const far = PEERS.map((peer) => announced(peer, 3))
    const passed = ['b', 'c'].map((peer): RoundEvent => ({ type: 'passed', peer, round: 0 }))
    const { state } = play(collecting(), ...far, { type: 'quarantined', peer: 'a' }, ...passed)
    const { effects } = play(state, { type: 'aggregated', round: 0 })
    expect(effects.filter((effect) => effect.type === 'fetch').map((effect) => effect.peer)).toEqual([
      'b',
      'c',
    ])
  })
})

describe('early and late announcements', () => {
  it('fetches the next round ahead of time', () => {
    const { effects } = play(collecting(), announced('a', 1))
    expect(effects).toEqual([{ type: 'fetch', peer: 'a', round: 1, model: 'a1' }])
  })

  it('keeps one announcement per neighbour for rounds further ahead and fetches it when its round comes', () => {
    const { state, effects } = play(collecting(), announced('a', 3), announced('a', 4), announced('a', 2))
    expect(effects).toEqual([])
    const far = [...state.inbox]
      .filter(([round]) => round > 1)
      .map(([round, items]) => [round, [...items.keys()]])
    expect(far.length).toBe(1)
  })

  it('fetches an announcement that it had dropped as too far ahead, once it is delivered again', () => {
    const far = [announced('a', 3), announced('a', 4), announced('b', 3), announced('c', 3)]
    let { state } = play(
      collecting(),
      ...far,
      ...PEERS.map((peer): RoundEvent => ({ type: 'passed', peer, round: 0 })),
    )
    state = play(state, { type: 'aggregated', round: 0 }).state
    expect(state.round).toBe(3)
    expect(state.inbox.get(3)?.get('a')).toBeUndefined()
    expect(play(state, announced('a', 3)).effects).toEqual([
      { type: 'fetch', peer: 'a', round: 3, model: 'a3' },
    ])
  })

  it('ignores announcements of rounds that are over', () => {
    const all = PEERS.flatMap((peer) => [announced(peer, 0), fetched(peer, 0)])
    const { state } = play(collecting(), ...all, { type: 'aggregated', round: 0 })
    expect(state.round).toBe(1)
    const late = play(state, announced('a', 0, 'again'))
    expect(late.effects).toEqual([])
    expect(late.state.inbox.get(0)).toBeUndefined()
  })

  it('ignores announcements past the last round and from strangers', () => {
    const before = collecting()
    const { state, effects } = play(before, announced('a', 5), announced('z', 0))
    expect(effects).toEqual([])
    expect(state.neighbours.get('a')?.newestRound).toBe(-1)
  })
})

describe('catching up', () => {
  it('needs a majority: one Byzantine neighbour has no effect', () => {
    const { state } = play(fresh(), ...PEERS.map((peer) => up(peer)), announced('a', 4))
    expect(majorityRound(state)).toBe(-1)
    expect(majorityRound(play(state, announced('b', 3)).state)).toBe(3)
  })

  it('of an even number of neighbours, more than half are needed', () => {
    const { state } = play(fresh(['a', 'b', 'c', 'd']), announced('a', 4), announced('b', 4))
    expect(majorityRound(state)).toBe(-1)
    expect(majorityRound(play(state, announced('c', 2)).state)).toBe(2)
  })

  it('announces what it trained as its model of the round that the others are in', () => {
    const { state } = play(fresh(), ...PEERS.map((peer) => up(peer)), start)
    const late = play(state, announced('a', 2), announced('b', 2), trained)
    expect(late.state.round).toBe(2)
    expect(late.effects).toContainEqual({ type: 'publish', round: 2 })
    expect(late.effects).toContainEqual({ type: 'fetch', peer: 'a', round: 2, model: 'a2' })
  })

  it('jumps at the start of a round', () => {
    let { state } = play(collecting(), ...PEERS.map((peer) => announced(peer, 3)))
    state = play(state, ...PEERS.map((peer): RoundEvent => ({ type: 'passed', peer, round: 0 }))).state
    const { effects } = play(state, { type: 'aggregated', round: 0 })
    expect(effects).toContainEqual({ type: 'train', round: 3 })
  })
})

describe('the end', () => {
  /** Round 4 of 5 aggregated with all neighbours live. */
  function lingering(): RoundState {
    const { state } = play(
      fresh(),
      ...PEERS.map((peer) => up(peer)),
      { type: 'start', round: 4, pending: false },
      trained,
      published(4),
    )
    return play(state, ...PEERS.flatMap((peer) => [announced(peer, 4), fetched(peer, 4)]), {
      type: 'aggregated',
      round: 4,
    }).state
  }

  it('waits for nobody who has finished the run', () => {
    const back = play(fresh(), { type: 'start', round: 2, pending: false }, up('a'))
    expect(back.state.phase).toBe('joining')
    const { state } = play(back.state, { type: 'head', peer: 'a', round: 4 })
    expect(state.phase).toBe('training')
    const collected = play(state, trained, published(2))
    expect(collected.state.phase).toBe('aggregating')
    expect(answersOf(collected.effects)).toContainEqual({ peer: 'a', status: 'absent', reason: 'passed' })
    // Before the first round nobody can have finished it.
    expect(play(fresh(), start, up('a'), { type: 'head', peer: 'a', round: 4 }).state.phase).toBe('joining')
  })

  it('lingers until every live neighbour has its last entry', () => {
    let state = lingering()
    expect(state.phase).toBe('lingering')
    state = play(state, { type: 'head', peer: 'a', round: 4 }, { type: 'head', peer: 'b', round: 3 }).state
    expect(state.phase).toBe('lingering')
    const { effects } = play(state, { type: 'head', peer: 'b', round: 4 }, down('c'))
    expect(effects).toContainEqual({ type: 'finish' })
  })

  it('does not linger past its deadline', () => {
    expect(play(lingering(), timeout('linger', 5)).effects).toContainEqual({ type: 'finish' })
  })
})
