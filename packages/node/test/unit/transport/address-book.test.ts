import { LIMITS } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { type AddressBook, createAddressBook } from '../../../src/transport/address-book.js'

const at = (port: number): string => `/ip4/127.0.0.1/tcp/${port}`
const many = (first: number, count: number): string[] =>
  Array.from({ length: count }, (_, k) => at(first + k))

describe('the address book', () => {
  const setup = (): AddressBook => createAddressBook((peer) => peer !== 'stranger')

  it('tells a listener of each member once, with its first address', () => {
    const book = setup()
    const found: [peer: string, addresses: readonly string[]][] = []
    const end = book.onFound((peer) => found.push([peer, book.get(peer)]))
    book.add('a', [], 'own')
    book.add('stranger', [at(1)], 'own')
    expect(found).toEqual([])
    book.add('a', [at(2)], 'own')
    book.add('a', [at(3)], { toldBy: 'b' })
    book.add('b', [at(4)], 'given')
    end()
    book.add('c', [at(5)], 'own')
    expect(found).toEqual([
      ['a', [at(2)]],
      ['b', [at(4)]],
    ])
    expect(book.get('stranger')).toEqual([])
  })

  it('gives in groups first where a peer was reached, then what it says itself, then what others say', () => {
    const book = setup()
    book.add('a', [at(4), at(2)], { toldBy: 'b' })
    book.add('a', [at(5)], { toldBy: 'c' })
    book.add('a', [at(3), at(1)], 'own')
    book.add('a', [at(2)], 'given')
    book.add('a', [at(1)], 'reached')
    expect(book.groups('a')).toEqual([[at(1)], [at(2), at(3)], [at(4), at(5)]])
    expect(book.get('a')).toEqual([at(1), at(2), at(3), at(4), at(5)])
    // It has moved.
    book.add('a', [at(9)], 'own')
    expect(book.groups('a')[1]).toEqual([at(2), at(9)])
    book.add('a', [at(9)], 'reached')
    expect(book.groups('a')[0]).toEqual([at(9), at(1)])
  })

  it('keeps what it has seen and what a peer says itself, whatever others make up', () => {
    const book = setup()
    book.add('a', [at(1)], 'reached')
    book.add('a', [at(2)], 'own')
    for (let k = 0; k < 100; k++) book.add('a', many(1000 + 10 * k, 8), { toldBy: `liar ${k}` })
    expect(book.get('a').slice(0, 2)).toEqual([at(1), at(2)])
    expect(book.groups('a').map(({ length }) => length)).toEqual([1, 1, LIMITS.maxAddressesPerPeer])
  })

  it('gives what one peer says no more room than what another one does', () => {
    const book = setup()
    book.add('a', [at(1)], { toldBy: 'honest' })
    for (let k = 0; k < 100; k++) book.add('a', many(1000 + 10 * k, 8), { toldBy: 'liar' })
    expect(book.get('a').slice(0, 2)).toEqual([at(1), at(1990)])
    for (let k = 0; k < 6; k++) book.add('a', many(1000 + 10 * k, 8), { toldBy: `liar ${k}` })
    expect(book.get('a')).toContain(at(1))
  })

  it('gives out what came from no other member to be kept, and says when that has changed', () => {
    const book = setup()
    let changes = 0
    book.onLasting(() => (changes += 1))
    book.add('a', [at(1)], { toldBy: 'b' })
    book.add('b', [at(2)], 'given')
    expect([changes, book.lasting()]).toEqual([0, []])
    book.add('a', [at(3)], 'own')
    book.add('a', [at(3)], 'own')
    for (const port of [4, 5, 6, 7, 8, 8]) book.add('a', [at(port)], 'reached')
    expect(changes).toBe(6)
    const kept = [{ peer: 'a', reached: [8, 7, 6, 5].map(at), own: [at(3)] }]
    expect(book.lasting()).toEqual(kept)
    const later = createAddressBook(
      (peer) => peer !== 'stranger',
      [...kept, { peer: 'stranger', reached: [at(1)], own: [] }],
    )
    expect(later.lasting()).toEqual(kept)
  })
})
