import { type GroupWordBody, signGroupWord } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { createAnnouncementBook } from '../../../src/inbound/announcement-book.js'
import { createGroupWordBook } from '../../../src/inbound/validate-group-word.js'
import { createHeadBook } from '../../../src/inbound/validate-head.js'
import { announce, headOf, run, signers } from '../../support/run-fixture.js'

const wordOf = (member: number, changes: Partial<GroupWordBody> = {}) =>
  signGroupWord(
    { kind: 'complaint', dealers: [1], run: run.id, round: 4, ...changes } as GroupWordBody,
    signers[member],
  )

describe('the book of group words', () => {
  it('tells new words from known ones and from those that contradict them', () => {
    const book = createGroupWordBook()
    const word = wordOf(1)
    expect(book.has(word)).toBe(false)
    expect(book.note(word)).toBe('new')
    expect(book.has(word)).toBe(true)
    expect(book.note(word)).toBe('known')
    expect(book.has(wordOf(1, { dealers: [2] }))).toBe(false)
    expect(book.note(wordOf(1, { dealers: [2] }))).toBe('contradicting')
    expect(book.note(wordOf(1, { dealers: [3] }))).toBe('known')
  })

  it('keeps authors, kinds and rounds apart', () => {
    const book = createGroupWordBook()
    expect(book.note(wordOf(1))).toBe('new')
    expect(book.note(wordOf(2))).toBe('new')
    expect(book.note(wordOf(1, { kind: 'distances', values: new Uint8Array(8) } as never))).toBe('new')
    expect(book.note(wordOf(1, { round: 5 }))).toBe('new')
  })

  it('forgets rounds below the one that it is told, not that one', () => {
    const book = createGroupWordBook()
    const words = [3, 4, 5].map((round) => wordOf(1, { round }))
    for (const word of words) book.note(word)
    book.forget(4)
    expect(words.map((word) => book.has(word))).toEqual([false, true, true])
  })
})

describe('the book of heads', () => {
  it('remembers eight heights of a member, the newest', () => {
    const book = createHeadBook()
    const { peerId } = signers[1]
    expect([book.newestHeight(peerId), book.statements(peerId)]).toEqual([-1, 0])
    for (let height = 0; height < 10; height++) book.note(headOf(signers[1], height).head)
    expect(book.newestHeight(peerId)).toBe(9)
    expect(book.find(peerId, 1)).toBeUndefined()
    expect(book.find(peerId, 2)?.body.height).toBe(2)
    expect(book.find(peerId, 9)?.body.height).toBe(9)
    expect(book.find(signers[2].peerId, 9)).toBeUndefined()
  })

  it('counts how often the newest height was stated', () => {
    const book = createHeadBook()
    const { peerId } = signers[1]
    for (const height of [0, 0, 0]) book.note(headOf(signers[1], height).head)
    expect(book.statements(peerId)).toBe(3)
    book.note(headOf(signers[1], 1).head)
    expect(book.statements(peerId)).toBe(1)
  })
})

describe('the book of announcements', () => {
  it('forgets the older one of two rounds that are equally far', () => {
    const book = createAnnouncementBook(() => 4)
    for (const round of [0, 8, 1, 2, 3, 4, 5, 6, 7]) book.note(announce(signers[1], round))
    expect(book.find(signers[1].peerId, 0)).toBeUndefined()
    expect(book.find(signers[1].peerId, 8)).toBeDefined()
  })
})
