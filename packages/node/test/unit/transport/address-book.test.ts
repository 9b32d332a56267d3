import { expect, it } from 'vitest'
import { createAddressBook } from '../../../src/transport/address-book.js'

it('a listener hears of each member once, with its first address', () => {
  const book = createAddressBook((peer) => peer !== 'stranger')
  const found: [peer: string, addresses: readonly string[]][] = []
  book.onFound((peer) => found.push([peer, book.get(peer)]))
  book.add('a', [])
  book.add('stranger', ['/ip4/127.0.0.1/tcp/1'])
  expect(found).toEqual([])
  book.add('a', ['/ip4/127.0.0.1/tcp/2'])
  book.add('a', ['/ip4/127.0.0.1/tcp/3'])
  book.add('b', ['/ip4/127.0.0.1/tcp/4'])
  expect(found).toEqual([
    ['a', ['/ip4/127.0.0.1/tcp/2']],
    ['b', ['/ip4/127.0.0.1/tcp/4']],
  ])
})
