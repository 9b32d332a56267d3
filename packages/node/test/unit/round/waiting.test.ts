import { describe, expect, it } from 'vitest'
import { initialState, step } from '../../../src/round/machine.js'
import { createWaitingReporter, waitingOf, waitingText } from '../../../src/round/waiting.js'
import { createManualClock } from '../../support/manual-clock.js'

const start = initialState({
  rounds: 5,
  neighbours: ['peer-aaaaaaaa', 'peer-bbbbbbbb'],
  patienceRounds: 2,
  spread: 1,
})

describe('waiting', () => {
  it('names the neighbours that are not connected before the first round', () => {
    const joining = step(start, { type: 'start', round: 0, pending: false }).state
    expect(waitingText(waitingOf(joining, () => undefined)!)).toBe(
      'waiting for 2 neighbours: …aaaaaaaa (not connected), …bbbbbbbb (not connected); the first round begins when one of them is here',
    )
    const one = step(joining, { type: 'neighbour-up', peer: 'peer-aaaaaaaa' }).state
    expect(waitingText(waitingOf(one, (timer) => (timer === 'join' ? 47_600 : undefined))!)).toBe(
      'waiting for 1 neighbour: …bbbbbbbb (not connected); goes on without it in 48 s at most',
    )
  })

  it('says what to do when the others may have ended', () => {
    const joining = step(start, { type: 'start', round: 3, pending: false }).state
    expect(waitingText(waitingOf(joining, () => undefined)!)).toMatch(
      /; round 4 begins when one of them is here; if they have ended, start them again with --stay/,
    )
  })

  it('says of a neighbour that is not admitted why', () => {
    const joining = step(start, { type: 'start', round: 0, pending: false }).state
    const refusals = new Map([['peer-bbbbbbbb', 'E_WRONG_RUN']])
    expect(waitingText(waitingOf(joining, () => undefined)!, (peer) => refusals.get(peer))).toContain(
      '…aaaaaaaa (not connected), …bbbbbbbb (not admitted: E_WRONG_RUN);',
    )
  })

  it('names those that owe a model, and nobody while the node works itself', () => {
    let state = start
    for (const peer of ['peer-aaaaaaaa', 'peer-bbbbbbbb'])
      state = step(state, { type: 'neighbour-up', peer }).state
    state = step(state, { type: 'start', round: 0, pending: false }).state
    expect([state.phase, waitingOf(state, () => 1)]).toEqual(['training', undefined])
    state = step(step(state, { type: 'trained' }).state, { type: 'published', round: 0 }).state
    state = step(state, { type: 'announced', peer: 'peer-aaaaaaaa', round: 0, model: 'm' }).state
    expect(waitingOf(state, (timer) => (timer === 'collect' ? 9 : undefined))).toEqual({
      missing: [],
      silent: ['peer-bbbbbbbb'],
      done: 0,
      remainingMs: 9,
    })
  })

  it('is reported after five seconds and then every ten, until the phase ends', () => {
    const clock = createManualClock()
    const seen: number[] = []
    const waiting = { missing: ['x'], silent: [], done: 0, remainingMs: 1 }
    let current: typeof waiting | undefined = waiting
    const reporter = createWaitingReporter(
      clock,
      () => current,
      () => seen.push(clock.monotonicMs()),
    )
    reporter.begin()
    clock.advance(4_000)
    reporter.begin()
    clock.advance(26_000)
    expect(seen).toEqual([9_000, 19_000, 29_000])
    current = undefined
    clock.advance(10_000)
    expect(seen).toHaveLength(3)
    reporter.stop()
    expect(clock.pending).toBe(0)
  })
})
