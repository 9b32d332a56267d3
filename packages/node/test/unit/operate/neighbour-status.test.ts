import { describe, expect, it } from 'vitest'
import { neighbourStatus } from '../../../src/operate/neighbour-status.js'
import { initialState, step } from '../../../src/round/machine.js'
import type { RoundEvent, RoundState } from '../../../src/round/state.js'

const UNSEEN = { isAdmitted: undefined, lastSeenMs: null, refused: null }

function after(...events: readonly RoundEvent[]): RoundState {
  const fresh = initialState({ rounds: 5, neighbours: ['a', 'b'], patienceRounds: 2, spread: 1 })
  return events.reduce((state, event) => step(state, event).state, fresh)
}

const JOINING: readonly RoundEvent[] = [
  { type: 'start', round: 0, pending: false },
  { type: 'neighbour-up', peer: 'a' },
]
const COLLECTING: readonly RoundEvent[] = [
  ...JOINING,
  { type: 'neighbour-up', peer: 'b' },
  { type: 'trained' },
  { type: 'published', round: 0 },
]

describe('the status of a neighbour', () => {
  it('says who is absent while the node joins', () => {
    const state = after(...JOINING)
    expect(state.phase).toBe('joining')
    expect(neighbourStatus(state, 'a', UNSEEN)).toMatchObject({ isUp: true, waitedFor: null })
    expect(neighbourStatus(state, 'b', UNSEEN)).toMatchObject({ isUp: false, waitedFor: 'absent' })
  })

  it('follows a model from its announcement to its arrival', () => {
    const silent = after(...COLLECTING)
    expect(silent.phase).toBe('collecting')
    expect(neighbourStatus(silent, 'a', UNSEEN)).toMatchObject({ model: 'none', waitedFor: 'silent' })
    const announced: RoundEvent = { type: 'announced', peer: 'a', round: 0, model: 'm' }
    const fetching = after(...COLLECTING, announced)
    expect(neighbourStatus(fetching, 'a', UNSEEN)).toMatchObject({ model: 'fetching', waitedFor: 'fetching' })
    const ready = after(...COLLECTING, announced, { type: 'fetched', peer: 'a', round: 0, model: 'm' })
    expect(neighbourStatus(ready, 'a', UNSEEN)).toMatchObject({
      model: 'ready',
      waitedFor: null,
      newestRound: 0,
    })
  })

  it('names the code of a transfer that failed, and waits no longer', () => {
    const state = after(
      ...COLLECTING,
      { type: 'announced', peer: 'a', round: 0, model: 'm' },
      { type: 'fetch-failed', peer: 'a', round: 0, model: 'm', code: 'E_TIMEOUT' },
    )
    expect(neighbourStatus(state, 'a', UNSEEN)).toMatchObject({
      model: 'failed',
      code: 'E_TIMEOUT',
      waitedFor: null,
    })
  })

  it('waits for nobody who is quarantined or not connected once rounds run', () => {
    const quarantined = after(...COLLECTING, { type: 'quarantined', peer: 'a' })
    expect(neighbourStatus(quarantined, 'a', UNSEEN)).toMatchObject({ isQuarantined: true, waitedFor: null })
    const down = after(...COLLECTING, { type: 'neighbour-down', peer: 'a' })
    expect(neighbourStatus(down, 'a', UNSEEN)).toMatchObject({ isUp: false, waitedFor: null })
  })

  it('passes on what the network knows of it', () => {
    const seen = { isAdmitted: false, lastSeenMs: 7, refused: 'E_WRONG_RUN' }
    expect(neighbourStatus(after(...COLLECTING), 'a', seen)).toMatchObject({
      isUp: true,
      isAdmitted: false,
      lastSeenMs: 7,
      refused: 'E_WRONG_RUN',
    })
  })
})
