import '../polyfill/promise-with-resolvers.js'
import type { ContentRouting, Libp2p, PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { LIMITS } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import type { DhtOptions } from './reach-options.js'
import { dialTransports } from './transports.js'

/**
 * A host that asks a DHT and does nothing else. It has a key of its own, made up each time: strangers that it meets there
 * are no connections of the node, and learn nothing of who it is.
 */
export interface DhtClient {
  /** Puts the addresses under a key. Throws what libp2p throws. */
  put(key: CID, limitMs: number): Promise<void>
  /** Addresses of at most so many records under a key, without peer ids. What is found within the limit counts. */
  get(key: CID, most: number, limitMs: number): Promise<readonly (readonly string[])[]>
  close(): Promise<void>
}

/** The mappers look at addresses only. */
const NOBODY = {} as PeerId
/** Limit of time for reaching the nodes that are configured. */
const DIAL_MS = 15_000
/** Streams that a node of the DHT may open with this host, which serves nothing but identify and ping. */
const MOST_STREAMS = 16

/** @param addresses - what `put` puts. Throws E_NO_CONNECTION when no node of the DHT is reached. */
export async function openDhtClient(
  { bootstrap, protocol }: DhtOptions,
  addresses: readonly string[],
  clock: Clock,
  stopping: AbortSignal,
): Promise<DhtClient> {
  const [{ createLibp2p }, { identify }, { noise }, { ping }, { yamux }, { kadDHT, ...mappers }] =
    await Promise.all([
      import('libp2p'),
      import('@libp2p/identify'),
      import('@libp2p/noise'),
      import('@libp2p/ping'),
      import('@libp2p/yamux'),
      import('@libp2p/kad-dht'),
    ])
  // Nodes of a public DHT must not make this host dial those of the network that it is in.
  const isPrivate = (address: string): boolean =>
    mappers.removePrivateAddressesMapper({ id: NOBODY, multiaddrs: [multiaddr(address)] }).multiaddrs
      .length === 0
  const peerInfoMapper = bootstrap.every(isPrivate)
    ? mappers.passthroughMapper
    : mappers.removePrivateAddressesMapper
  const host = (await createLibp2p({
    // Without the peer id of whose addresses they are.
    addresses: { listen: [], announce: addresses.map(withoutPeer) },
    transports: await dialTransports(bootstrap),
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxInboundStreams: MOST_STREAMS })],
    connectionManager: { reconnectRetries: 0 },
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({ protocol, clientMode: true, peerInfoMapper }),
    },
  })) as unknown as Libp2p<{ dht: ContentRouting }>
  const within = async <T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const limit = clock.deadline(ms, stopping)
    try {
      return await work(limit.signal)
    } finally {
      limit.clear()
    }
  }
  const close = async (): Promise<void> => {
    await Promise.resolve(host.stop()).catch(() => undefined)
  }
  const dials = await Promise.allSettled(
    bootstrap.map((address) => within(DIAL_MS, (signal) => host.dial(multiaddr(address), { signal }))),
  )
  const failed = dials.flatMap((dial) => (dial.status === 'rejected' ? [dial.reason as unknown] : []))
  if (failed.length === dials.length) {
    await close()
    throw new NodeError(
      'E_NO_CONNECTION',
      `none of its nodes is reached (${bootstrap.join(', ')}): ${errorMessage(failed[0]).split('\n')[0]}`,
    )
  }
  return {
    put: (key, limitMs) =>
      within(limitMs, async (signal) => {
        await host.contentRouting.provide(key, { signal })
      }),
    async get(key, most, limitMs) {
      const records: string[][] = []
      try {
        await within(limitMs, async (signal) => {
          for await (const { multiaddrs } of host.contentRouting.findProviders(key, { signal })) {
            const found = [...new Set(multiaddrs.map((address) => withoutPeer(String(address))))].slice(
              0,
              LIMITS.maxAddressesPerPeer,
            )
            if (found.length > 0) records.push(found)
            if (records.length >= most) return
          }
        })
      } catch (error) {
        // What a slow node would have said is not waited for.
        if (stopping.aborted) throw error
      }
      return records
    },
    close,
  }
}

/** The peer id at the end of an address is that of a host as this one. */
function withoutPeer(address: string): string {
  const at = address.lastIndexOf('/p2p/')
  return at > 0 && !address.slice(at + 5).includes('/') ? address.slice(0, at) : address
}
