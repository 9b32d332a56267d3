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

  it('forget rounds that are over', () => {
    const heard = createHeardAnnouncements()
    for (const round of [0, 1]) heard.remember(announce(peer, round), 0)
    heard.forget(1)
    expect(heard.find(0, peer.peerId)).toBeUndefined()
    expect(heard.find(1, peer.peerId)?.body.round).toBe(1)
  })
})
