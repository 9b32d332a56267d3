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

  it('keeps the announced model of a round without an entry, as the blobs of other rounds', () => {
    const history = createOwnHistory()
    const model = (round: number): string => said(round).body.model.toString()
    history.noteAnnounced(said(2))
    history.noteBlobs(1, ['m1', 'a1'])
    history.noteAnnouncement(said(5))
    history.noteBlobs(6, ['m6', 'a6'])
    expect(history.retained(4)).toEqual([['m6', 'a6'], [model(5)], [model(2)], ['m1', 'a1']])
    expect(history.retained(2)).toEqual([['m6', 'a6'], [model(5)]])
    expect(history.aggregateOf(5)).toBeUndefined()
  })

  it('an entry of the round adds to the announced model', () => {
    const history = createOwnHistory()
    history.noteAnnouncement(said(3))
    history.noteBlobs(3, ['m3', 'a3'])
    history.noteAnnounced(said(3))
    expect(history.retained(1)).toEqual([['m3', 'a3']])
  })
})
