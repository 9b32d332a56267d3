import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { initialState, step } from '../../../src/round/machine.js'
import type { RoundEffect, RoundEvent, RoundState, TimerName } from '../../../src/round/state.js'

const PEERS = ['a', 'b', 'c']
const ROUNDS = 3

function run(
  state: RoundState,
  events: readonly RoundEvent[],
): { state: RoundState; effects: RoundEffect[] } {
  const effects: RoundEffect[] = []
  let current = state
  for (const event of events) {
    const result = step(current, event)
    current = result.state
    effects.push(...result.effects)
  }
  return { state: current, effects }
}

const round = fc.integer({ min: 0, max: ROUNDS })
const peer = fc.constantFrom(...PEERS, 'stranger')
const anyEvent: fc.Arbitrary<RoundEvent> = fc.oneof(
  fc.record({ type: fc.constant('neighbour-up' as const), peer }),
  fc.record({ type: fc.constant('neighbour-down' as const), peer }),
  fc.record({ type: fc.constant('announced' as const), peer, round, model: fc.constantFrom('x', 'y') }),
  fc.record({ type: fc.constant('fetched' as const), peer, round, model: fc.constantFrom('x', 'y') }),
  fc.record({
    type: fc.constant('fetch-failed' as const),
    peer,
    round,
    model: fc.constantFrom('x', 'y'),
    code: fc.constant('E_X'),
  }),
  fc.record({ type: fc.constant('passed' as const), peer, round }),
  fc.record({ type: fc.constant('head' as const), peer, round }),
  fc.record({ type: fc.constant('quarantined' as const), peer }),
  fc.record({ type: fc.constant('run-progress' as const), round }),
  fc.record({
    type: fc.constant('timeout' as const),
    timer: fc.constantFrom<TimerName[]>('join', 'collect', 'patience', 'grace', 'linger'),
    round,
  }),
  fc.constant<RoundEvent>({ type: 'trained' }),
  fc.record({ type: fc.constant('published' as const), round }),
  fc.record({ type: fc.constant('aggregated' as const), round }),
)

describe('round machine, any sequence of events', () => {
  it('never throws, never goes back to an earlier round, and processes each round at most once', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
        let state = initialState({ rounds: ROUNDS, neighbours: PEERS, patienceRounds: 2, spread: 1 })
        const published = new Set<number>()
        const aggregated = new Set<number>()
        for (const event of [{ type: 'start', round: 0, pending: false } as RoundEvent, ...events]) {
          const before = state.round
          const result = step(state, event)
          state = result.state
          expect(state.round).toBeGreaterThanOrEqual(before)
          for (const effect of result.effects) {
            if (effect.type === 'publish') {
              expect(published.has(effect.round)).toBe(false)
              published.add(effect.round)
            }
            if (effect.type === 'aggregate') {
              expect(aggregated.has(effect.round)).toBe(false)
              expect(published.has(effect.round)).toBe(true)
              expect(effect.answers.map((answer) => answer.peer)).toEqual(PEERS)
              aggregated.add(effect.round)
            }
          }
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('a quarantined neighbour is never among the models of a round', () => {
    fc.assert(
      fc.property(
        fc.array(anyEvent, { maxLength: 40 }),
        fc.array(anyEvent, { maxLength: 40 }),
        (before, after) => {
          const first = run(
            initialState({ rounds: ROUNDS, neighbours: PEERS, patienceRounds: 2, spread: 1 }),
            [{ type: 'start', round: 0, pending: false }, ...before, { type: 'quarantined', peer: 'b' }],
          )
          for (const effect of run(first.state, after).effects) {
            if (effect.type === 'fetch') expect(effect.peer).not.toBe('b')
            if (effect.type !== 'aggregate') continue
            expect(effect.answers.find((answer) => answer.peer === 'b')).toEqual({
              peer: 'b',
              status: 'absent',
              reason: 'quarantined',
            })
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('every order of arrival closes a full round with the same models', () => {
    const steps = PEERS.flatMap((name): RoundEvent[] => [
      { type: 'announced', peer: name, round: 0, model: 'x' },
      { type: 'fetched', peer: name, round: 0, model: 'x' },
    ])
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...PEERS), { minLength: 6, maxLength: 6 }),
        fc.boolean(),
        (order, early) => {
          // Interleave the peers' steps in the drawn order, each peer's own steps in theirs.
          const left = new Map(
            PEERS.map((name) => [name, steps.filter((event) => 'peer' in event && event.peer === name)]),
          )
          const arrivals = [...order, ...PEERS, ...PEERS].flatMap((name) => left.get(name)!.splice(0, 1))
          const own: RoundEvent[] = [{ type: 'trained' }, { type: 'published', round: 0 }]
          const opening: RoundEvent[] = [
            ...PEERS.map((name): RoundEvent => ({ type: 'neighbour-up', peer: name })),
            { type: 'start', round: 0, pending: false },
          ]
          const events = early ? [...opening, ...arrivals, ...own] : [...opening, ...own, ...arrivals]
          const { state, effects } = run(
            initialState({ rounds: ROUNDS, neighbours: PEERS, patienceRounds: 2, spread: 1 }),
            events,
          )
          expect(state.phase).toBe('aggregating')
          const closing = effects.filter((effect) => effect.type === 'aggregate')
          expect(closing).toHaveLength(1)
          expect(closing[0]?.answers.map((answer) => [answer.peer, answer.status])).toEqual(
            PEERS.map((name) => [name, 'ready']),
          )
        },
      ),
    )
  })
})
