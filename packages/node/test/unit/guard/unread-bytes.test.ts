import { describe, expect, it } from 'vitest'
import { createUnreadBytes } from '../../../src/guard/unread-bytes.js'

const setup = () =>
  createUnreadBytes({ unreadPerMember: 100, unreadPerStranger: 10, unreadInTotal: 150 }, (peer) =>
    peer.startsWith('member'),
  )

describe('unread bytes', () => {
  it('are limited for a peer over all its streams, for a stranger to less', () => {
    const unread = setup()
    const [one, other] = [unread.of('member'), unread.of('member')]
    expect([one.take(60), other.take(40), other.take(1)]).toEqual(['taken', 'taken', 'too-much'])
    expect([unread.of('x').take(10), unread.of('x').take(1)]).toEqual(['taken', 'too-much'])
    one.giveBack(60)
    expect(other.take(60)).toBe('taken')
  })

  it('are limited in total, which is nobody’s fault', () => {
    const unread = setup()
    expect(unread.of('member 1').take(100)).toBe('taken')
    expect(unread.of('member 2').take(50)).toBe('taken')
    expect(unread.of('member 3').take(1)).toBe('full')
    expect(unread.total).toBe(150)
    unread.of('member 1').giveBack(100)
    expect(unread.of('member 3').take(100)).toBe('taken')
    expect(unread.total).toBe(150)
  })
})
