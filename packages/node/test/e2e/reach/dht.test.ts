import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import { openDhtClient } from '../../../src/reach/dht-client.js'
import { dhtKeyOf } from '../../../src/reach/dht-finder.js'
import type { DhtOptions } from '../../../src/reach/reach-options.js'
import { createMember, peers, run } from '../../support/member-network.js'

const PROTOCOL = '/tempered-test/kad/1.0.0'

/** A DHT of strangers, and who has connected to its first node. */
async function openDht(size: number): Promise<{ dht: DhtOptions; seen: Set<string>; hosts: Libp2p[] }> {
  const seen = new Set<string>()
  const hosts: Libp2p[] = []
  for (let k = 0; k < size; k++) {
    const host = (await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionGater: { denyDialMultiaddr: () => false },
      services: {
        identify: identify(),
        ping: ping(),
        dht: kadDHT({ protocol: PROTOCOL, clientMode: false, peerInfoMapper: passthroughMapper }),
      },
    })) as unknown as Libp2p
    onTestFinished(async () => void (await host.stop()))
    host.addEventListener('peer:connect', ({ detail }) => seen.add(detail.toString()))
    for (const other of hosts) await host.dial(other.getMultiaddrs())
    hosts.push(host)
  }
  for (const { peerId } of hosts) seen.delete(peerId.toString())
  return {
    dht: { bootstrap: hosts.slice(0, 2).map((host) => String(host.getMultiaddrs()[0])), protocol: PROTOCOL },
    seen,
    hosts,
  }
}

describe('members that know no address of anybody', () => {
  it('find each other through a DHT of strangers, to which neither shows who it is', async () => {
    const { dht, seen } = await openDht(6)
    const a = createMember(0, [1], { reach: { dht } })
    const b = createMember(1, [0], { reach: { dht } })
    await Promise.all([a.start(), b.start()])
    await Promise.all([a.count(1), b.count(1)])
    expect([a.changes, b.changes]).toEqual([['up'], ['up']])
    expect(seen.size).toBeGreaterThanOrEqual(2)
    for (const peer of peers) expect(seen.has(peer)).toBe(false)
  })

  it('put their addresses under a key that only who knows the run can compute, without a peer id', async () => {
    const { dht, hosts } = await openDht(3)
    const stop = new AbortController()
    onTestFinished(() => stop.abort())
    const addresses = ['/dns4/a.example/tcp/443/wss', '/ip4/192.0.2.1/tcp/4001']
    const put = await openDhtClient(
      dht,
      addresses.map((address) => `${address}/p2p/${peers[0]}`),
      systemClock,
      stop.signal,
    )
    await put.put(dhtKeyOf(run.id.toString(), peers[0]), 30_000)
    await put.close()
    // All that the DHT has of it.
    const key = dhtKeyOf(run.id.toString(), peers[0])
    const stored: string[] = []
    for (const host of hosts)
      for await (const { id, multiaddrs } of host.contentRouting.findProviders(key))
        stored.push(id.toString(), ...multiaddrs.map(String))
    expect(stored.length).toBeGreaterThan(3)
    expect(stored.filter((text) => text.includes(peers[0]))).toEqual([])
    const get = await openDhtClient(dht, [], systemClock, stop.signal)
    const [found, ...more] = await get.get(dhtKeyOf(run.id.toString(), peers[0]), 4, 30_000)
    expect([found?.toSorted(), more]).toEqual([addresses, []])
    for (const other of [dhtKeyOf(run.id.toString(), peers[1]), dhtKeyOf('another run', peers[0])])
      expect(await get.get(other, 4, 30_000)).toEqual([])
    await get.close()
  })

  it('go on where there is no DHT', async () => {
    const stop = new AbortController()
    await expect(
      openDhtClient(
        { bootstrap: ['/ip4/127.0.0.1/tcp/1'], protocol: PROTOCOL },
        [],
        systemClock,
        stop.signal,
      ),
    ).rejects.toMatchObject({ code: 'E_NO_CONNECTION' })
  })
})
