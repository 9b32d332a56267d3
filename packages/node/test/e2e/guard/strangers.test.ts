import { STREAM_PROTOCOLS } from '@tempered/protocol'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../../src/clock.js'
import { budgetsOf } from '../../../src/guard/budgets.js'
import { helloOf } from '../../support/hello.js'
import { createManualClock } from '../../support/manual-clock.js'
import { createMember, peers, run } from '../../support/member-network.js'
import { seeds, signers } from '../../support/run-fixture.js'
import { ask, dial, ended, frame, openSilently, openStream, startHostile } from '../../support/stranger.js'

const { connections, streams } = budgetsOf(run)
const HELLO = helloOf(run)

/** A member whose log is kept. */
async function startMember(clock: Clock = systemClock) {
  const logged: { code?: string; msg: string }[] = []
  const logger = pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const member = createMember(0, [1], { logger, clock })
  await member.start()
  const report = () => member.network.guardReport()!
  const rejects = (code: string) =>
    report()
      .rejects.filter((reject) => reject.code === code)
      .reduce((sum, { count }) => sum + count, 0)
  return { ...member, logged, report, rejects, addresses: member.network.addresses() }
}

describe('strangers', () => {
  it('who send data behind a hello on many streams are given up: nothing of it is kept', async () => {
    const member = await startMember()
    const host = await startHostile()
    const connection = await dial(host, member.addresses)
    const opened = await Promise.all([1, 2, 3, 4].map(() => openStream(connection, STREAM_PROTOCOLS.hello)))
    for (const stream of opened) {
      stream.send(frame(HELLO))
      for (let k = 0; k < 40; k++) if (stream.status === 'open') stream.send(new Uint8Array(50_000))
    }
    await ended(connection)
    expect(member.rejects('E_STRANGER_BYTES')).toBe(1)
    expect(member.report()).toMatchObject({ unreadBytes: 0, strangers: 0 })
  })

  it('get so many places and no more, and members always have theirs', async () => {
    const member = await startMember()
    const opened = []
    for (let k = 0; k < connections.strangers + 3; k++)
      opened.push(await dial(await startHostile(), member.addresses))
    // The oldest gave way.
    await Promise.all(opened.slice(0, 3).map(ended))
    expect(member.report().strangers).toBe(connections.strangers)
    expect(member.rejects('E_STRANGERS')).toBe(3)
    expect(opened.slice(3).every(({ status }) => status === 'open')).toBe(true)
    const other = createMember(1, [0])
    await other.start()
    other.network.learnAddresses(peers[0], member.addresses)
    await member.count(1)
    expect(member.changes).toEqual(['up'])
    expect(member.report().strangers).toBe(connections.strangers)
  })

  it('learn nothing of the run, neither in a refusal nor when this node has dialled them', async () => {
    const member = await startMember()
    const host = await startHostile()
    const connection = await dial(host, member.addresses)
    for (const protocol of [STREAM_PROTOCOLS.hello, STREAM_PROTOCOLS.manifest]) {
      const text = await ask(connection, protocol, HELLO)
      expect(text).toContain('E_NOT_A_MEMBER')
      expect(text).not.toContain(run.id.toString())
      for (const peer of peers) expect(text).not.toContain(peer)
    }
    expect(host.getPeers().map(String)).toEqual([peers[0]])
  })

  it('with ever new keys write a few lines into the log, and are counted', async () => {
    const member = await startMember()
    for (let k = 0; k < 12; k++)
      await ask(await dial(await startHostile(), member.addresses), STREAM_PROTOCOLS.hello, HELLO)
    expect(member.rejects('E_NOT_A_MEMBER')).toBe(12)
    expect(member.logged.filter(({ code }) => code === 'E_NOT_A_MEMBER')).toHaveLength(5)
  })

  it('who connect and stay silent keep nobody out, and the log says so', async () => {
    const member = await startMember()
    const sockets = []
    for (let k = 0; k < connections.arrivals.burst; k++) sockets.push(await openSilently(member.addresses))
    const host = await startHostile({ seed: seeds[1]!, signer: signers[1]! })
    // From one address as many connections come as its rate allows; a member that is late by that tries again.
    const connection = await retry(() => dial(host, member.addresses))
    expect(connection.status).toBe('open')
    expect(member.report().halfOpen).toBeLessThanOrEqual(connections.halfOpen)
  })
})

describe('members', () => {
  it('have a limited number of connections, and the oldest gives way', async () => {
    const member = await startMember()
    const opened = []
    for (let k = 0; k <= connections.perMember; k++)
      opened.push(await dial(await startHostile({ seed: seeds[1]!, signer: signers[1]! }), member.addresses))
    await ended(opened[0]!)
    expect(member.rejects('E_CONNECTIONS')).toBe(1)
    expect(opened.slice(1).every(({ status }) => status === 'open')).toBe(true)
  })

  it('who send what was not asked for, again and again, are kept away for a while', async () => {
    // Time stands still, so that nothing is forgiven meanwhile.
    const member = await startMember(createManualClock())
    const host = await startHostile({ seed: seeds[1]!, signer: signers[1]! })
    const connection = await dial(host, member.addresses)
    let asked = 0
    while (connection.status === 'open') {
      const answer = ask(connection, STREAM_PROTOCOLS.hello, { nonsense: true }).catch(() => undefined)
      await Promise.race([answer, ended(connection)])
      asked += 1
      // A request that fails at once must not keep the news that the connection is closed from coming.
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(asked).toBeGreaterThan(budgetsOf(run).penalties.faults.burst)
    expect(member.report().bans).toMatchObject([{ peer: peers[1], code: 'E_MALFORMED', times: 1 }])
    await expect(
      dial(host, member.addresses).then((again) => ended(again).then(() => 'closed')),
    ).resolves.toBe('closed')
  })

  it('open a limited number of streams', async () => {
    const member = await startMember()
    const host = await startHostile({ seed: seeds[1]!, signer: signers[1]! })
    const connection = await dial(host, member.addresses)
    const opened = await Promise.allSettled(
      Array.from({ length: streams.perConnection + 50 }, () => openStream(connection, STREAM_PROTOCOLS.blob)),
    )
    const usable = opened.filter((result) => result.status === 'fulfilled' && result.value.status === 'open')
    expect(usable.length).toBeLessThanOrEqual(streams.perConnection)
  })
})

/** Until it succeeds: the address of all tests is one, and its connections are counted by the second. */
async function retry<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
