import { blobCid } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { openBytes } from '../../../src/blobs/open-blob.js'
import { createMember, peers } from '../../support/member-network.js'

const LIMITS = { circuitBytes: 8_000_000, circuitMs: 60_000 }
const signal = () => AbortSignal.timeout(60_000)

/** Two neighbours that listen nowhere, and a relay that both know. */
async function startRelayed(relay = LIMITS, blob = new Uint8Array()) {
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
    const model = new Uint8Array(3_000_000).map((_, k) => (k * 7) % 251)
    const { a, middle } = await startRelayed(LIMITS, model)
    const into = new Uint8Array(model.byteLength)
    await a.network.fetchModel(peers[1], blobCid(model).toString(), into, signal())
    expect(Buffer.compare(into, model)).toBe(0)
    expect(middle.network.wireBytes().received).toBeGreaterThan(model.byteLength)
  })
})
