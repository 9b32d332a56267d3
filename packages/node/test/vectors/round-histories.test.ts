import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRng } from '@tempered/robust-agg/rng'
import { describe, expect, it } from 'vitest'
import { initialState, step } from '../../src/round/machine.js'
import type { RoundEvent, TimerName } from '../../src/round/state.js'

/**
 * What the round machine made of histories of random events when this file was written. A change that alters any state or
 * effect in one of them alters its digest: where that is meant, put the new digests, which the failing test prints, into
 * round-histories.json.
 */
const recorded: string[] = JSON.parse(
  readFileSync(new URL('./round-histories.json', import.meta.url), 'utf8'),
)
const HISTORIES = 250
const EVENTS = 80
const PEERS = ['a', 'b', 'c']
const ROUNDS = 5
const TIMERS: readonly TimerName[] = ['join', 'collect', 'patience', 'grace', 'linger']

function digestOf(seed: number): string {
  const rng = createRng('round-histories', seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(rng.uniform() * list.length)]!
  const peers = PEERS.slice(0, 1 + (seed % PEERS.length))
  let state = initialState({ rounds: ROUNDS, neighbours: peers, patienceRounds: 2, spread: 1 + (seed % 2) })
  const hash = createHash('sha256')
  const happened = new Set<string>()

  /** Mostly what comes next in a round, now and then anything. */
  const next = (): RoundEvent => {
    const peer = rng.uniform() < 0.03 ? 'stranger' : pick(peers)
    const round = state.round + pick([0, 0, 0, 0, 0, 0, 1, 1, 2, -1])
    const model = `${peer}${round}`
    return pick<() => RoundEvent>([
      () => ({ type: 'neighbour-up', peer, ...(rng.uniform() < 0.5 ? { newestRound: round } : {}) }),
      () => ({ type: 'neighbour-down', peer }),
      () => ({ type: 'announced', peer, round, model }),
      () => ({ type: 'announced', peer, round, model }),
      () => ({ type: 'fetched', peer, round, model }),
      () => ({ type: 'fetched', peer, round, model }),
      () => ({ type: 'fetch-failed', peer, round, model, code: 'E_X' }),
      () => ({ type: 'passed', peer, round }),
      () => ({ type: 'head', peer, round }),
      () => (rng.uniform() < 0.1 ? { type: 'quarantined', peer } : { type: 'synced' }),
      () => ({ type: 'run-progress', round }),
      () => ({ type: 'timeout', timer: pick(TIMERS), round: state.round }),
      () => ({ type: 'timeout', timer: 'collect', round }),
      () => ({ type: 'trained' }),
      () => ({ type: 'trained' }),
      () => ({ type: 'published', round: state.round }),
      () => ({ type: 'published', round }),
      () => ({ type: 'aggregated', round: state.round }),
      () => ({ type: 'aggregated', round }),
    ])()
  }
  const begins: RoundEvent = {
    type: 'start',
    round: seed % 7 === 0 ? seed % ROUNDS : 0,
    pending: seed % 5 === 0,
  }
  const beginsAt = seed % 4 === 0 ? 3 : 0
  for (let k = 0; k < EVENTS; k++) {
    const result = step(state, k === beginsAt ? begins : next())
    state = result.state
    for (const { type } of result.effects) happened.add(type)
    hash.update(JSON.stringify([result.effects, state], plain))
  }
  hash.update(JSON.stringify([...happened].sort()))
  return hash.digest('hex').slice(0, 12)
}

/** Maps as lists, in their order. */
function plain(_key: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value === undefined ? 'undefined' : value
}

describe('the round machine', () => {
  it('makes of histories of random events what it made of them before', () => {
    const digests = Array.from({ length: HISTORIES }, (_, seed) => digestOf(seed))
    expect(digests).toEqual(recorded)
  })
})
