import { setTimeout as pause } from 'node:timers/promises'
import { blobCid } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { openBytes } from '../../../src/blobs/open-blob.js'
import { createTransferProgress } from '../../../src/blobs/transfer-progress.js'
import { createMember, peers, run } from '../../support/member-network.js'
import { announce, signers } from '../../support/run-fixture.js'
import { dial, openStream, startHostile } from '../../support/stranger.js'
import { bytesOf } from '../../support/transfer.js'

const LIMITS = { circuitBytes: 8_000_000, circuitMs: 60_000 }
const signal = () => AbortSignal.timeout(60_000)

/** Two neighbours that listen nowhere, and a relay that both know. */
async function startRelayed(relay = LIMITS, blob: Uint8Array = new Uint8Array()) {
  const middle = createMember(2, [], { reach: { relay } })
  await middle.start()
  const relays = middle.network.addresses()
  const local = { blob: async () => openBytes(blob) }
  const [a, b] = [0, 1].map((index) =>
    createMember(index, [1 - index], { listen: [], reach: { relays }, local }),
  )
  await Promise.all([a!.start(), b!.start()])
  await Promise.all([a!.count(1), b!.count(1)])
  return { middle, a: a!, b: b! }
}

describe('members behind a relay', () => {
  it('find one another, and speak through it', async () => {
    const { a, b } = await startRelayed()
    expect(a.network.addresses().some((address) => address.includes(`${peers[2]}/p2p-circuit`))).toBe(true)
    const between = a.network.connections!().filter(({ peer }) => peer === peers[1])
    expect(between.map(({ relay }) => relay)).toEqual([peers[2]])
    await a.network.pollStatus(peers[1], 0, signal())
    await b.network.pollStatus(peers[0], 0, signal())
  })

  it('fetch models through it in small windows', async () => {
    const model = bytesOf(3_000_000)
    const { a, middle } = await startRelayed(LIMITS, model)
    const into = new Uint8Array(model.byteLength)
    await a.network.fetchModel(peers[1], blobCid(model).toString(), into, signal())
    expect(Buffer.compare(into, model)).toBe(0)
    expect(middle.network.wireBytes().received).toBeGreaterThan(model.byteLength)
  })

  it('go on where they were when the relay closes a connection that has used up its bytes', async () => {
    const model = bytesOf(5_000_000)
    const { a, middle } = await startRelayed({ circuitBytes: 2_000_000, circuitMs: 60_000 }, model)
    const into = new Uint8Array(model.byteLength)
    const progress = createTransferProgress()
    let breaks = 0
    for (;;) {
      try {
        await a.network.fetchModel(peers[1], blobCid(model).toString(), into, signal(), progress)
        break
      } catch {
        breaks += 1
        await until(() =>
          a.network.connections!().some(({ peer, isAdmitted }) => peer === peers[1] && isAdmitted),
        )
      }
    }
    expect(breaks).toBeGreaterThanOrEqual(2)
    expect(Buffer.compare(into, model)).toBe(0)
    // What had arrived was not sent again.
    expect(middle.network.wireBytes().received).toBeLessThan(7_500_000)
  })

  it('get announcements of one another by gossip', async () => {
    const { a, b } = await startRelayed()
    await a.network.announce(announce(signers[0]!, 0, { run: run.id }))
    await until(() => b.heard.length > 0)
    expect(b.heard.map(({ body }) => body.author)).toEqual([peers[0]])
  })
})

describe('a relay of a run', () => {
  it('has no place for strangers, passes nothing on for them, and brings none', async () => {
    const { middle, a } = await startRelayed()
    const [address] = middle.network.addresses()
    const stranger = await startHostile()
    const connection = await dial(stranger, [address!])
    const stream = await openStream(connection, '/libp2p/circuit/relay/0.2.0/hop')
    await until(() => stream.status !== 'open')
    expect(a.network.guardReport()).toMatchObject({ strangers: 0 })
  })

  it('is found again, and its place taken again, when it was away', async () => {
    const { middle, a, b } = await startRelayed()
    const [address] = middle.network.addresses()
    await middle.network.stop()
    await Promise.all([a.count(2), b.count(2)])
    const port = /tcp\/(\d+)/.exec(address!)![1]
    const again = createMember(2, [], { reach: { relay: LIMITS }, listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    await again.start()
    await Promise.all([a.count(3), b.count(3)])
    expect(a.changes).toEqual(['up', 'down', 'up'])
  })
})

async function until(check: () => boolean): Promise<void> {
  while (!check()) await pause(20)
}
