import '../polyfill/promise-with-resolvers.js'
import type { Libp2p } from '@libp2p/interface'
import { publicKeyFromPeerId, type Run } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import { forgetfulBanStore } from '../guard/bans.js'
import { createNodeGuard } from '../guard/node-guard.js'
import type { Identity } from '../identity-file.js'
import type { Logger } from '../logger.js'
import { privateNetwork } from '../network-key.js'
import { listenReason } from '../transport/listen-reason.js'
import { announceAll } from './announce-all.js'
import type { RelayLimits } from './reach-options.js'

/** A relay that is no member: it passes connections between members on, whose bytes it cannot read, and knows no more. */
export interface RelayHost {
  /** Multiaddrs with the peer id, for `network.relays` of members. */
  readonly addresses: readonly string[]
  /** Peer ids of the members that have a place now. */
  places(): readonly string[]
  stop(): Promise<void>
}

export interface RelayHostInit {
  readonly identity: Identity
  /** Its members are served. */
  readonly run: Run
  readonly listen: readonly string[]
  /** Multiaddrs to announce instead, if they differ. */
  readonly announce: readonly string[]
  readonly limits: RelayLimits
  readonly clock: Clock
  readonly logger: Logger
}

interface RelayService {
  readonly reservations: { keys(): IterableIterator<{ toString(): string }> }
}

/** Opens a relay. Throws NodeError E_LISTEN. */
export async function openRelayHost(init: RelayHostInit): Promise<RelayHost> {
  const { identity, run, clock, logger } = init
  const guard = await createNodeGuard({
    run,
    clock,
    logger,
    bans: forgetfulBanStore,
    isReachable: () => true,
    hangUp: () => undefined,
  })
  const { relay: budgets, streams } = guard.budgets
  const [
    { createLibp2p },
    { identify },
    { noise },
    { privateKeyFromRaw },
    { yamux },
    reach,
    { relayServer },
  ] = await Promise.all([
    import('libp2p'),
    import('@libp2p/identify'),
    import('@libp2p/noise'),
    import('@libp2p/crypto/keys'),
    import('@libp2p/yamux'),
    import('./transports.js'),
    import('./services.js'),
  ])
  const key = new Uint8Array(64)
  key.set(identity.seed)
  key.set(publicKeyFromPeerId(identity.signer.peerId), 32)
  const { transports } = await reach.openTransports(init.listen, 0)
  const libp2p = (await createLibp2p({
    privateKey: privateKeyFromRaw(key),
    ...(await privateNetwork(identity.networkKey)),
    addresses: { listen: [...init.listen], announce: [...init.announce] },
    transports,
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({ maxInboundStreams: streams.perConnection, maxOutboundStreams: streams.perConnection }),
    ],
    connectionGater: guard.connections.gater,
    connectionManager: { maxConnections: Number.MAX_SAFE_INTEGER, reconnectRetries: 0 },
    services: {
      identify: identify(),
      announceAll,
      relay: (await relayServer(init.limits, budgets, { clock, isMember: guard.isMember })) as never,
    },
  }).catch((error) => {
    guard.stop()
    throw new NodeError(
      'E_LISTEN',
      `cannot listen on ${init.listen.join(', ')}: ${listenReason(error)}; choose another address`,
      { listen: init.listen },
      error,
    )
  })) as unknown as Libp2p<{ relay: RelayService }>
  return {
    addresses: libp2p.getMultiaddrs().map(String),
    places: () => [...libp2p.services.relay.reservations.keys()].map(String),
    async stop() {
      guard.stop()
      await libp2p.stop()
    },
  }
}
