import { describe, expect, it } from 'vitest'
import { createHeardAnnouncements } from '../../../src/round/heard-announcements.js'
import { announce, signers } from '../../support/run-fixture.js'

const [, peer, other] = signers

describe('heard announcements', () => {
  it('keep the current and the next round, and of those further ahead only the newest of each neighbour', () => {
    const heard = createHeardAnnouncements()
    for (const round of [2, 3, 5, 7]) heard.remember(announce(peer, round), 2)
    heard.remember(announce(other, 5), 2)
    const kept = [2, 3, 5, 7].map((round) => heard.find(round, peer.peerId)?.body.round)
    expect(kept).toEqual([2, 3, undefined, 7])
    expect(heard.find(5, other.peerId)?.body.round).toBe(5)
  })

  it.each([
    ['newest first', (k: number) => 30_001 - k],
    ['oldest first', (k: number) => 3 + k],
  ])('hold three per neighbour, however many it announces, %s', (_order, roundOf) => {
    const heard = createHeardAnnouncements()
    const one = announce(peer, 2)
    const of = (round: number) => ({ ...one, body: { ...one.body, round } })
    for (const round of [2, 3]) heard.remember(of(round), 2)
    for (let k = 0; k < 29_998; k++) heard.remember(of(roundOf(k)), 2)
    const held = Array.from({ length: 30_003 }, (_, round) => round).filter(
      (round) => heard.find(round, peer.peerId) !== undefined,
    )
    expect(held).toEqual([2, 3, 30_001 - (roundOf(0) === 3 ? 1 : 0)])
  })

  it('forget rounds that are over', () => {
    const heard = createHeardAnnouncements()
    for (const round of [0, 1]) heard.remember(announce(peer, round), 0)
    heard.forget(1)
    expect(heard.find(0, peer.peerId)).toBeUndefined()
    expect(heard.find(1, peer.peerId)?.body.round).toBe(1)
  })
})
