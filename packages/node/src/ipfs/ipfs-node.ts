import '../polyfill/promise-with-resolvers.js'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { publicKeyFromPeerId } from '@tempered/protocol'
import { createLibp2p } from 'libp2p'
import { NodeError } from '../errors.js'
import type { Identity } from '../identity-file.js'
import { listenReason } from '../transport/listen-reason.js'
import { IPFS_LIMITS } from './ipfs-limits.js'

export interface IpfsNodeInit {
  readonly identity: Identity
  /** Multiaddrs; none for a node that only dials. */
  readonly listen: readonly string[]
  readonly dialMs: number
}

/**
 * libp2p over TCP as IPFS peers use it. It contacts no public node: no bootstrap list, DHT, relay, delegated routing or
 * multicast DNS. It dials only the given addresses. Throws E_LISTEN.
 */
export async function createIpfsNode({ identity, listen, dialMs }: IpfsNodeInit): Promise<Libp2p> {
  const key = new Uint8Array(64)
  key.set(identity.seed)
  key.set(publicKeyFromPeerId(identity.signer.peerId), 32)
  try {
    return await createLibp2p({
      privateKey: privateKeyFromRaw(key),
      addresses: { listen: [...listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionManager: {
        maxConnections: IPFS_LIMITS.maxPeers,
        // Many may come from one address in the same second: processes of one machine, or machines behind one router.
        inboundConnectionThreshold: IPFS_LIMITS.maxPeers,
        maxIncomingPendingConnections: IPFS_LIMITS.maxPeers,
        dialTimeout: dialMs,
        addressDialTimeout: dialMs,
        reconnectRetries: 0,
      },
      // A busy event loop or a long transfer must not cost a healthy connection (js-libp2p#3504).
      connectionMonitor: { abortConnectionOnPingFailure: false },
      // Peers learn from identify that we speak bitswap.
      services: { identify: identify(), ping: ping() },
    })
  } catch (error) {
    throw new NodeError(
      'E_LISTEN',
      `cannot listen on ${listen.join(', ')}: ${listenReason(error)}; choose another address with --listen`,
      { listen },
      error,
    )
  }
}
