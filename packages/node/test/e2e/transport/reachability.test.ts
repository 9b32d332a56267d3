import { describe, expect, it } from 'vitest'
import { type Logger, silentLogger } from '../../../src/logger.js'
import { createManualClock, settle } from '../../support/manual-clock.js'
import { createMember, peers, run } from '../../support/member-network.js'
import { otherRun } from '../../support/run-fixture.js'

describe('setReachable', () => {
  it('closes a connection and keeps it closed until the link is mended', async () => {
    const [a, b] = [createMember(0, [1]), createMember(1, [0])]
    await Promise.all([a.start(), b.start()])
    a.network.learnAddresses(peers[1], b.network.addresses())
    b.network.learnAddresses(peers[0], a.network.addresses())
    await Promise.all([a.count(1), b.count(1)])
    a.network.setReachable(peers[1], false)
    b.network.setReachable(peers[0], false)
    await Promise.all([a.count(2), b.count(2)])
    expect([a.changes, b.changes]).toEqual([
      ['up', 'down'],
      ['up', 'down'],
    ])
    const signal = AbortSignal.timeout(600_000)
    await expect(a.network.pollStatus(peers[1], 0, signal)).rejects.toThrow()
    a.network.setReachable(peers[1], true)
    b.network.setReachable(peers[0], true)
    await Promise.all([a.count(3), b.count(3)])
    expect(a.changes.at(-1)).toBe('up')
    await a.network.pollStatus(peers[1], 0, signal)
  })

  it('a link that is cut before the start is not opened; one end is enough to refuse', async () => {
    const [a, b] = [createMember(2, [3]), createMember(3, [2])]
    a.network.setReachable(peers[3], false)
    await Promise.all([a.start(), b.start()])
    b.network.learnAddresses(peers[2], a.network.addresses())
    a.network.learnAddresses(peers[3], b.network.addresses())
    await expect(b.network.pollStatus(peers[2], 0, AbortSignal.timeout(600_000))).rejects.toThrow()
    expect([a.changes, b.changes]).toEqual([[], []])
    a.network.setReachable(peers[3], true)
    await Promise.all([a.count(1), b.count(1)])
  })
})

/** Indices of members in the order of their peer ids: of two neighbours the first one dials. */
const inDialOrder = run.manifest.members
  .map((_, index) => index)
  .sort((i, j) => (peers[i] < peers[j] ? -1 : 1))

describe('addresses that arrive later', () => {
  it('are dialled as soon as they are known, without waiting for the back-off', async () => {
    const clock = createManualClock()
    const [first, second] = inDialOrder
    const a = createMember(first, [second], { clock })
    const b = createMember(second, [first], { clock })
    await Promise.all([a.start(), b.start()])
    clock.advance(0)
    await settle()
    a.network.learnAddresses(peers[second], b.network.addresses())
    await Promise.all([a.count(1), b.count(1)])
    expect([a.changes, b.changes]).toEqual([['up'], ['up']])
  })

  it('are asked of a member on admission while a neighbour is missing', async () => {
    const clock = createManualClock()
    const [first, second, third] = inDialOrder
    const known = createMember(second, [first, third], { clock })
    await known.start()
    const bootstrap = known.network.addresses()
    const late = createMember(third, [first, second], { clock, bootstrap })
    await late.start()
    clock.advance(0)
    await Promise.all([known.count(1), late.count(1)])
    const newest = createMember(first, [second, third], { clock, bootstrap })
    await newest.start()
    clock.advance(0)
    await Promise.all([known.count(2), late.count(2), newest.count(2)])
    expect(newest.changes).toEqual(['up', 'up'])
  })
})

describe('a bootstrap address', () => {
  /** A member that tries to reach a bootstrap address, and what it warns of. */
  async function createSeeker(bootstrap: readonly string[], ofRun: typeof run) {
    const clock = createManualClock()
    const warnings: string[] = []
    const warn = (_: object, text: string) => warnings.push(text)
    const logger = { ...silentLogger, warn } as unknown as Logger
    const member = createMember(1, [0], { clock, bootstrap, ofRun, logger })
    await member.start()
    const tryAgain = async (): Promise<void> => {
      clock.advance(10_000)
      await settle()
    }
    const reports = () => warnings.filter((text) => text.includes('Is a node running there?'))
    return { member, tryAgain, reports }
  }

  it('of a node of another run is not reported as one where no node may be', async () => {
    const a = createMember(0, [1])
    await a.start()
    const { member, tryAgain, reports } = await createSeeker(a.network.addresses(), otherRun)
    // A try may end after the clock has moved on, so time goes on until there were enough.
    while (member.changes.length < 8) await tryAgain()
    expect(new Set(member.changes)).toEqual(new Set(['refused']))
    expect(reports()).toEqual([])
  })

  it('where nobody listens is reported once', async () => {
    const { tryAgain, reports } = await createSeeker(['/ip4/127.0.0.1/tcp/1'], run)
    while (reports().length === 0) await tryAgain()
    for (let more = 0; more < 20; more++) await tryAgain()
    expect(reports()).toHaveLength(1)
  })
})
