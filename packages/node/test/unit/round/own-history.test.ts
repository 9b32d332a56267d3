import { describe, expect, it } from 'vitest'
import { createOwnHistory } from '../../../src/round/own-history.js'
import { announce, headOf, signers } from '../../support/run-fixture.js'

const said = (round: number) => announce(signers[0], round)

describe('own history', () => {
  it('serves the announcements of the last four rounds, oldest first, from a round on', () => {
    const history = createOwnHistory()
    expect(history.announcements(0)).toEqual([])
    for (let round = 0; round < 6; round++) history.noteAnnouncement(said(round))
    const rounds = (from: number) => history.announcements(from).map((message) => message.body.round)
    expect(rounds(0)).toEqual([2, 3, 4, 5])
    expect(rounds(4)).toEqual([4, 5])
    expect(rounds(6)).toEqual([])
  })

  it('keeps one announcement per round', () => {
    const history = createOwnHistory()
    history.noteAnnouncement(said(1))
    history.noteAnnouncement(said(1))
    expect(history.announcements(0)).toHaveLength(1)
  })

  it('serves the newest head', () => {
    const history = createOwnHistory()
    expect(history.head()).toBeUndefined()
    history.noteHead(headOf(signers[0], 0))
    const newest = headOf(signers[0], 1)
    history.noteHead(newest)
    expect(history.head()).toBe(newest)
  })

  it('names the blobs of the last rounds, of rounds with gaps too', () => {
    const history = createOwnHistory()
    history.noteBlobs(0, ['m0', 'a0'])
    expect(history.retained(2)).toEqual([['m0', 'a0']])
    history.noteBlobs(3, ['m3', 'a3'])
    expect(history.retained(2)).toEqual([
      ['m3', 'a3'],
      ['m0', 'a0'],
    ])
    history.noteBlobs(9, ['m9', 'a9'])
    expect(history.retained(2)).toEqual([
      ['m9', 'a9'],
      ['m3', 'a3'],
    ])
    history.noteBlobs(10, ['m10'])
    expect(history.retained(1)).toEqual([['m10']])
  })
})
