import { privateNetwork } from '../network-key.js'
import '../polyfill/promise-with-resolvers.js'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { createTopicScoreParams } from '@libp2p/gossipsub/score'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import { publicKeyFromPeerId, type RunTopics, type Signer } from '@tempered/protocol'
import { createLibp2p } from 'libp2p'
import type { Clock } from '../clock.js'
import { membersOnly } from '../guard/members-only.js'
import type { NodeGuard } from '../guard/node-guard.js'
import { announceAll } from '../reach/announce-all.js'
import { FLAT_NETWORK, type ReachOptions } from '../reach/reach-options.js'
import { reachServices } from '../reach/services.js'
import { openTransports, type RelayReservations } from '../reach/transports.js'
import { noiseWatching } from './own-key.js'
import { countWireBytes, type Libp2pMetrics, type WireBytes } from './wire-bytes.js'

export interface Libp2pNodeInit {
  /** 32-byte Ed25519 seed of the node's identity. */
  readonly seed: Uint8Array
  readonly signer: Signer
  readonly networkKey?: Uint8Array | undefined
  /** Multiaddrs to listen on, e.g. `/ip4/0.0.0.0/tcp/4001`. */
  readonly listen: readonly string[]
  /** Multiaddrs to announce instead of those that this node listens on, e.g. behind a port forward. */
  readonly announce?: readonly string[]
  /** Announce on and listen to multicast DNS on the local network. */
  readonly mdns: boolean
  /** Default: every node can dial every other one. */
  readonly reach?: ReachOptions | undefined
  readonly topics: RunTopics
  readonly dialMs: number
  readonly wireBytes: WireBytes
  readonly guard: Pick<NodeGuard, 'budgets' | 'connections' | 'isMember' | 'strangerRefused'>
  readonly clock: Clock
  /** A collector of libp2p's own metrics, besides the bytes; default: none. */
  readonly metrics?: Libp2pMetrics | undefined
  /** A handshake with a peer that has this node's key, or with this node itself; the connection is then refused. */
  onOwnKey?(direction: 'inbound' | 'outbound'): void
}

/** A stream that is not read holds this much at most: its window does not grow above what may lie in its buffer. */
const MAX_WINDOW_BYTES = 4 * 1024 * 1024

export type Libp2pNode = Libp2p<{ pubsub: GossipSub }> & {
  /** Places at relays; undefined for a node that wants none. */
  relayReservations?(): RelayReservations | undefined
}

/** libp2p over TCP, noise and yamux with gossipsub, with limits for announcements and settings for bursty rounds. */
export async function createLibp2pNode(init: Libp2pNodeInit): Promise<Libp2pNode> {
  const key = new Uint8Array(64)
  key.set(init.seed)
  key.set(publicKeyFromPeerId(init.signer.peerId), 32)
  const { streams, gossip, relay } = init.guard.budgets
  const reach = init.reach ?? FLAT_NETWORK
  const { transports, listen, reservations } = await openTransports(init.listen, reach.relays.length)
  const onlyMembers = { clock: init.clock, isMember: init.guard.isMember }
  const topics: string[] = Object.values(init.topics)
  const libp2p = await createLibp2p({
    privateKey: privateKeyFromRaw(key),
    ...(await privateNetwork(init.networkKey)),
    addresses: { listen: [...init.listen, ...listen], announce: [...(init.announce ?? [])] },
    transports,
    connectionEncrypters: [noiseWatching(init.signer.peerId, (direction) => init.onOwnKey?.(direction))],
    streamMuxers: [
      yamux({
        maxInboundStreams: streams.perConnection,
        maxOutboundStreams: streams.perConnection,
        streamOptions: { maxStreamWindowSize: MAX_WINDOW_BYTES, maxReadBufferLength: MAX_WINDOW_BYTES },
      }),
    ],
    ...(init.mdns ? { peerDiscovery: [mdns()] } : {}),
    metrics: (components) => countWireBytes(init.wireBytes, init.metrics?.(components)),
    connectionGater: init.guard.connections.gater,
    connectionManager: {
      // The guard decides who may stay; these must never decide before it.
      maxConnections: Number.MAX_SAFE_INTEGER,
      maxIncomingPendingConnections: Number.MAX_SAFE_INTEGER,
      inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
      dialTimeout: init.dialMs,
      addressDialTimeout: init.dialMs,
      inboundUpgradeTimeout: init.dialMs,
      outboundStreamProtocolNegotiationTimeout: init.dialMs,
      inboundStreamProtocolNegotiationTimeout: init.dialMs,
      // Reconnecting is done by neighbourhood.ts, which knows who is wanted.
      reconnectRetries: 0,
    },
    // A busy event loop or a long transfer must not cost a healthy connection (js-libp2p#3504).
    connectionMonitor: { abortConnectionOnPingFailure: false },
    services: {
      identify: identify({ timeout: init.dialMs, runOnLimitedConnection: true }),
      ...(await reachServices(reach, relay, onlyMembers)),
      ping: ping(),
      announceAll,
      pubsub: membersOnly(
        gossipsub({
          globalSignaturePolicy: 'StrictSign',
          allowedTopics: topics,
          emitSelf: false,
          floodPublish: true,
          allowPublishToZeroTopicPeers: true,
          ignoreDuplicatePublishError: true,
          fastMsgIdFn: signatureOf,
          doPX: false,
          runOnLimitedConnection: true,
          fallbackToFloodsub: false,
          maxInboundDataLength: gossip.maxMessageBytes,
          maxOutboundBufferSize: 16 * 1024 * 1024,
          decodeRpcLimits: {
            maxSubscriptions: 16,
            maxMessages: 1024,
            maxIhaveMessageIDs: 2048,
            maxIwantMessageIDs: 2048,
            maxIdontwantMessageIDs: 2048,
            maxControlMessages: 256,
            maxPeerInfos: 0,
          },
          scoreParams: {
            // Clusters and sites behind NAT share one address; that is not suspicious.
            IPColocationFactorWeight: 0,
            topics: Object.fromEntries(topics.map((topic) => [topic, topicScore()])),
          },
        }),
        {
          clock: init.clock,
          bytes: gossip.bytes,
          isMember: init.guard.isMember,
          onStranger: (protocol, peer) =>
            init.guard.strangerRefused(
              peer,
              'gossip',
              'E_NOT_A_MEMBER',
              `${peer} is no member: it gets no ${protocol}`,
            ),
        },
      ),
    },
  })
  return Object.assign(libp2p, { relayReservations: reservations }) as unknown as Libp2pNode
}

/**
 * Lets gossipsub recognise a further copy of a message before it verifies the copy's signature; each message comes from
 * several neighbours. A signature enters gossipsub's cache only after it was found valid, so a forged copy that comes
 * first cannot hide the genuine message.
 */
function signatureOf(message: { readonly signature?: Uint8Array }): string {
  const { signature } = message
  return signature === undefined
    ? ''
    : Buffer.from(signature.buffer, signature.byteOffset, signature.length).toString('latin1')
}

/** Rounds are bursts, so delivery rates mean nothing (P3 off); invalid messages count (P4). */
function topicScore() {
  return createTopicScoreParams({
    topicWeight: 1,
    timeInMeshWeight: 0,
    firstMessageDeliveriesWeight: 0,
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
    invalidMessageDeliveriesWeight: -20,
    invalidMessageDeliveriesDecay: 0.9,
  })
}
