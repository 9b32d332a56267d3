import type { ConnectionGater, MultiaddrConnection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { budgetsOf, type ConnectionBudgets } from '../../../src/guard/budgets.js'
import { createConnectionGuard } from '../../../src/guard/connection-guard.js'
import { createManualClock } from '../../support/manual-clock.js'
import { run, signers, stranger } from '../../support/run-fixture.js'

const BUDGETS: ConnectionBudgets = {
  halfOpen: 4,
  strangers: 3,
  strangerMs: 1_000,
  strangerBytes: 100,
  perMember: 2,
  arrivals: { burst: 20, perSecond: 10 },
}
const [member, other] = signers.map(({ peerId }) => peerIdFromString(peerId))
const outsider = peerIdFromString(stranger.peerId)

/** A guard, and connections that exist only for it. */
function setup(isAllowed: (peer: string) => boolean = () => true) {
  const clock = createManualClock()
  const closed: [code: string, address: string][] = []
  const guard = createConnectionGuard({
    budgets: BUDGETS,
    relay: budgetsOf(run).relay,
    clock,
    isRelay: () => false,
    onRelayRefused: () => undefined,
    isMember: (peer) => peer === member!.toString() || peer === other!.toString(),
    isAllowed,
    onClosed: (code, address) => closed.push([code, address]),
  })
  const { denyInboundConnection, denyInboundEncryptedConnection } = guard.gater as Required<ConnectionGater>
  /** A connection from an address; `end` as when either side closes it, `bytes` as when they come in. */
  const arrive = async (address: string) => {
    const connection = Object.assign(new EventTarget(), {
      remoteAddr: multiaddr(`/ip4/${address}/tcp/1234`),
      isOpen: true,
      abort(this: EventTarget & { isOpen: boolean }) {
        this.isOpen = false
        this.dispatchEvent(new Event('close'))
      },
    })
    const maConn = connection as unknown as MultiaddrConnection
    const denied = await denyInboundConnection(maConn)
    return {
      denied,
      get isOpen() {
        return connection.isOpen
      },
      prove: (peer = outsider) => denyInboundEncryptedConnection(peer, maConn),
      end: () => connection.dispatchEvent(new Event('close')),
      bytes: (byteLength: number) =>
        connection.dispatchEvent(Object.assign(new Event('message'), { data: { byteLength } })),
    }
  }
  return { guard, clock, closed, arrive }
}
const times = (count: number) => Array.from({ length: count }, (_, k) => k)

describe('connections whose handshake is not over', () => {
  it('have so many places, and the oldest of the address that has most gives way', async () => {
    const { guard, closed, arrive } = setup()
    const honest = await arrive('192.0.2.1')
    const flood = []
    for (const _ of times(5)) flood.push(await arrive('198.51.100.7'))
    expect(guard.counts.halfOpen).toBe(4)
    expect(flood.map(({ isOpen }) => isOpen)).toEqual([false, false, true, true, true])
    expect(honest.isOpen).toBe(true)
    expect(closed).toEqual(Array(2).fill(['E_HALF_OPEN', '198.51.100.7']))
    // A newcomer always gets in.
    const newcomer = await arrive('203.0.113.9')
    expect([newcomer.isOpen, flood[2]!.isOpen]).toEqual([true, false])
  })

  it('leave their places when they are done or gone', async () => {
    const { guard, arrive } = setup()
    const [a, b] = [await arrive('192.0.2.1'), await arrive('192.0.2.1')]
    expect(guard.counts.halfOpen).toBe(2)
    await a.prove(member)
    b.end()
    expect(guard.counts.halfOpen).toBe(0)
  })
})

describe('connections from one address', () => {
  it('are refused above its rate, and counted', async () => {
    const { clock, closed, arrive } = setup()
    const arrivals = []
    for (const _ of times(21)) arrivals.push((await arrive('192.0.2.1')).denied)
    expect(arrivals).toEqual([...Array(20).fill(false), true])
    expect(closed.at(-1)).toEqual(['E_CONNECTION_RATE', '192.0.2.1'])
    expect((await arrive('192.0.2.2')).denied).toBe(false)
    clock.advance(100)
    expect((await arrive('192.0.2.1')).denied).toBe(false)
  })
})

describe('strangers', () => {
  it('have so many places, which they take from one another and never from members', async () => {
    const { guard, closed, arrive } = setup()
    const known = await arrive('192.0.2.1')
    await known.prove(member)
    const strangers = []
    for (const _ of times(4)) {
      const one = await arrive('198.51.100.7')
      await one.prove()
      strangers.push(one)
    }
    expect(strangers.map(({ isOpen }) => isOpen)).toEqual([false, true, true, true])
    expect([known.isOpen, guard.counts.strangers]).toEqual([true, 3])
    expect(closed).toEqual([['E_STRANGERS', '198.51.100.7']])
  })

  it('have to go after a while', async () => {
    const { guard, clock, closed, arrive } = setup()
    const [one, known] = [await arrive('192.0.2.1'), await arrive('192.0.2.1')]
    await one.prove()
    await known.prove(member)
    clock.advance(999)
    expect(one.isOpen).toBe(true)
    clock.advance(1)
    expect([one.isOpen, known.isOpen, guard.counts.strangers]).toEqual([false, true, 0])
    expect(closed).toEqual([['E_STRANGER_TIME', '192.0.2.1']])
    expect(clock.pending).toBe(0)
  })

  it('may send so many bytes before and after their handshake; members as many as they like', async () => {
    const { closed, arrive } = setup()
    const [one, known] = [await arrive('192.0.2.1'), await arrive('192.0.2.1')]
    for (const each of [one, known]) each.bytes(60)
    await one.prove()
    await known.prove(member)
    known.bytes(1e9)
    one.bytes(40)
    await Promise.resolve()
    expect(one.isOpen).toBe(true)
    one.bytes(1)
    await Promise.resolve()
    expect([one.isOpen, known.isOpen]).toEqual([false, true])
    expect(closed).toEqual([['E_STRANGER_BYTES', '192.0.2.1']])
  })
})

describe('members', () => {
  it('have so many connections each, and the oldest gives way to the newest', async () => {
    const { closed, arrive } = setup()
    const mine = []
    for (const _ of times(3)) {
      const one = await arrive('192.0.2.1')
      await one.prove(member)
      mine.push(one)
    }
    const others = await arrive('192.0.2.1')
    await others.prove(other)
    expect([...mine, others].map(({ isOpen }) => isOpen)).toEqual([false, true, true, true])
    expect(closed).toEqual([['E_CONNECTIONS', '192.0.2.1']])
  })

  it('that are cut off or banned are refused once they have proven who they are', async () => {
    const { guard, arrive } = setup((peer) => peer !== member!.toString())
    expect(await (await arrive('192.0.2.1')).prove(member)).toBe(true)
    expect(await (await arrive('192.0.2.1')).prove(other)).toBe(false)
    expect(await guard.gater.denyDialPeer?.(member!)).toBe(true)
    expect(await guard.gater.denyDialPeer?.(other!)).toBe(false)
  })
})
