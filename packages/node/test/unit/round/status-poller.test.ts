import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/logger.js'
import { createStatusPoller } from '../../../src/round/status-poller.js'
import type { PeerStatus } from '../../../src/transport/network.js'
import { createManualClock, settle } from '../../support/manual-clock.js'

function setup() {
  const clock = createManualClock()
  const asked: {
    peer: string
    fromRound: number
    signal: AbortSignal
    answer(status: PeerStatus): void
    fail(): void
  }[] = []
  const poller = createStatusPoller(
    {
      pollStatus: (peer, fromRound, signal) =>
        new Promise((answer, reject) => {
          asked.push({ peer, fromRound, signal, answer, fail: () => reject(new Error('no')) })
        }),
    },
    clock,
    silentLogger,
  )
  const statuses: [string, PeerStatus][] = []
  const watch = (round: number, missing: () => readonly string[]) =>
    poller.watch(round, missing, (peer, status) => statuses.push([peer, status]))
  return { clock, asked, poller, statuses, watch, names: () => asked.map(({ peer }) => peer) }
}
const status: PeerStatus = { rounds: [2], newestRound: 2 }

describe('the status poller', () => {
  it('asks every second whoever is missing at that moment, from the round on', async () => {
    const { clock, asked, watch, statuses, names } = setup()
    let missing = ['a', 'b']
    watch(2, () => missing)
    clock.advance(999)
    expect(asked).toEqual([])
    clock.advance(1)
    expect(names()).toEqual(['a', 'b'])
    expect(asked[0].fromRound).toBe(2)
    asked[0].answer(status)
    asked[1].answer(status)
    await settle()
    expect(statuses).toEqual([
      ['a', status],
      ['b', status],
    ])
    missing = ['b']
    clock.advance(1000)
    expect(names()).toEqual(['a', 'b', 'b'])
  })

  it('does not ask again while an answer is due, and asks again after a failure', async () => {
    const { clock, asked, watch, statuses, names } = setup()
    watch(0, () => ['a'])
    clock.advance(3000)
    expect(names()).toEqual(['a'])
    asked[0].fail()
    await settle()
    expect(statuses).toEqual([])
    clock.advance(1000)
    expect(names()).toEqual(['a', 'a'])
  })

  it('stops: no timer is left, open questions are aborted and late answers are not statuses', async () => {
    const { clock, asked, poller, watch, statuses } = setup()
    watch(0, () => ['a'])
    clock.advance(1000)
    poller.stop()
    expect(clock.pending).toBe(0)
    expect(asked[0].signal.aborted).toBe(true)
    asked[0].answer(status)
    await settle()
    expect(statuses).toEqual([])
  })

  it('forgets what it watched when it watches something else', async () => {
    const { clock, asked, watch, names } = setup()
    watch(0, () => ['a'])
    clock.advance(1000)
    watch(1, () => ['a'])
    expect(asked[0].signal.aborted).toBe(true)
    clock.advance(1000)
    expect(names()).toEqual(['a', 'a'])
    expect(asked[1].fromRound).toBe(1)
    expect(clock.pending).toBe(1)
  })
})
