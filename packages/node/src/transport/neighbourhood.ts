import { setMaxListeners } from 'node:events'
import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Manifest } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { errorCode, errorMessage, NodeError } from '../errors.js'
import type { Logger } from '../logger.js'
import type { KnownRelays } from '../reach/known-relays.js'
import { preferDirect } from '../reach/prefer-direct.js'
import { keepRelayPlaces } from '../reach/relay-places.js'
import { type AddressBook, dialable } from './address-book.js'
import { bestConnection } from './best-connection.js'
import { createDialler } from './dialler.js'
import type { DirectProtocols } from './direct-protocols.js'
import type { Libp2pNode } from './libp2p-node.js'
import { askForPeers, exchangePeers, servePeers } from './peer-exchange.js'
import { createPresence } from './presence.js'
import { createPursuits } from './pursuits.js'

/**
 * Keeps the connections that the topology wants: dials known addresses with back-off, says hello, asks members for
 * missing addresses, and reports when a neighbour is up or, after a grace time, down.
 */
export interface Neighbourhood {
  /** Peers that are admitted and connected. */
  admittedPeers(): readonly string[]
  start(): Promise<void>
  /** To be called once a peer is admitted. */
  admitted(peer: string, addresses: readonly string[]): void
  isAdmitted(peer: string): boolean
  /** To be called when `isReachable` has changed for a peer: hangs up, or dials at once. */
  reachabilityChanged(peer: string): void
  stop(): void
}

export interface NeighbourhoodInit {
  readonly libp2p: Libp2pNode
  readonly clock: Clock
  readonly direct: DirectProtocols
  readonly logger: Logger
  readonly addressBook: AddressBook
  readonly self: string
  /** Peer ids of the topology's neighbours. */
  readonly neighbours: readonly string[]
  /** All members of the run. */
  readonly members: readonly string[]
  /** Configured multiaddrs, with or without `/p2p/…`. */
  readonly bootstrap: readonly string[]
  readonly deadlines: Pick<Manifest['deadlines'], 'dialMs' | 'reconnectMs'>
  /** Multiaddrs of relays at which this node keeps a place. */
  readonly relays: readonly string[]
  readonly knownRelays: KnownRelays
  isMember(peer: string): boolean
  /** Whether connections with a peer are allowed at this moment. */
  isReachable(peer: string): boolean
  introduce(peer: PeerId, signal: AbortSignal): Promise<void>
  onUp(peer: string): void
  onDown(peer: string): void
}

/** The larger peer id leaves the first dial to the smaller one, so that there is one connection, not two. */
const SECOND_DIALLER_MS = 2_000
/** A connection whose peer has not been admitted by then is closed. */
const INTRODUCTION_MS = 30_000
/** Attempts at a bootstrap address in a row that fail before it is reported: about eight seconds. */
const WARN_AFTER_FAILURES = 5

export function createNeighbourhood(init: NeighbourhoodInit): Neighbourhood {
  const { libp2p, clock, logger, addressBook, self, neighbours } = init
  const stopping = new AbortController()
  // Everything that waits listens to it.
  setMaxListeners(0, stopping.signal)
  const pursuits = createPursuits(clock, logger, stopping.signal)
  const presence = createPresence({ ...init, graceMs: init.deadlines.reconnectMs })
  const { admitted } = presence
  /** Neighbours whose known addresses led nowhere: others may know better ones. */
  const unreached = new Set<string>()
  /** By connection id: cancels the timer that closes the connection unless its peer is admitted. */
  const introductions = new Map<string, () => void>()

  const { dial, dialBest, dialPeer, directDial } = createDialler({
    ...{ libp2p, clock, logger, addressBook, knownRelays: init.knownRelays },
    ...{ dialMs: init.deadlines.dialMs, stopping: stopping.signal },
  })

  const introduce = async (connection: Connection): Promise<void> => {
    const peer = connection.remotePeer
    if (admitted.has(peer.toString())) return
    try {
      await init.introduce(peer, stopping.signal)
    } catch (error) {
      if (error instanceof NodeError && error.code === 'E_REFUSED')
        await connection.close().catch(() => undefined)
      throw error
    }
  }

  const hangUp = (peer: PeerId): void => void libp2p.hangUp(peer).catch(() => undefined)

  const upgrades = preferDirect(libp2p, clock, directDial)

  const reachNeighbour = async (peer: string): Promise<boolean> => {
    if (admitted.has(peer)) {
      upgrades.consider(peer)
      return true
    }
    if (!init.isReachable(peer)) return false
    const connection = bestConnection(libp2p, peerIdFromString(peer))
    if (connection !== undefined) {
      await introduce(connection)
      return true
    }
    if (addressBook.get(peer).length === 0) return false
    try {
      const dialled = await dialPeer(peer)
      await introduce(dialled)
      addressBook.add(peer, [dialled.remoteAddr.toString()], 'reached')
      unreached.delete(peer)
      return true
    } catch (error) {
      unreached.add(peer)
      throw error
    }
  }

  const pursueBootstrap = (address: string): Promise<void> => {
    let known: string | undefined
    let told = false
    const reach = async (): Promise<boolean> => {
      if (known !== undefined && admitted.has(known)) return true
      const connection = await dialBest([multiaddr(address)])
      known = connection.remotePeer.toString()
      await introduce(connection)
      addressBook.add(known, [connection.remoteAddr.toString()], 'reached')
      return true
    }
    return pursuits.pursue(address, reach, 0, (error, inARow) => {
      if (inARow === 1) told = false
      // A node that refuses this one does run there, and its refusal is in the log already.
      if (errorCode(error) === 'E_REFUSED') return
      // Others may simply start later, so the first failures say nothing; a wrong address fails for ever.
      if (told || inARow < WARN_AFTER_FAILURES) return
      told = true
      logger.warn(
        { address },
        `bootstrap ${address} is not reached: ${dialText(error)}; trying on. Is a node running there? Otherwise correct \`bootstrap\` in node.yaml`,
      )
    })
  }

  const onConnection = (connection: Connection): void => {
    const { remotePeer } = connection
    // The connection was being opened when the link was cut.
    if (!init.isReachable(remotePeer.toString())) hangUp(remotePeer)
    const cancel = clock.after(INTRODUCTION_MS, () => {
      introductions.delete(connection.id)
      if (init.knownRelays.isRelay(remotePeer.toString())) return
      if (!admitted.has(remotePeer.toString())) void connection.close().catch(() => undefined)
    })
    introductions.set(connection.id, cancel)
  }

  const isMissing = (peer: string): boolean =>
    !admitted.has(peer) && (addressBook.get(peer).length === 0 || unreached.has(peer))

  /** The others must learn new addresses, e.g. those at a relay. */
  const tellAddresses = (): void => {
    for (const peer of admitted)
      init
        .introduce(peerIdFromString(peer), stopping.signal)
        .catch((error) => logger.debug({ peer, code: errorCode(error) }, 'addresses not told'))
  }

  return {
    async start() {
      await servePeers(init, (peer) => admitted.has(peer))
      libp2p.addEventListener('connection:open', (event) => onConnection(event.detail))
      libp2p.addEventListener('connection:close', (event) => {
        introductions.get(event.detail.id)?.()
        introductions.delete(event.detail.id)
      })
      libp2p.addEventListener('peer:disconnect', (event) => presence.lost(event.detail.toString()))
      libp2p.addEventListener('peer:discovery', (event) => {
        const { id, multiaddrs } = event.detail
        addressBook.add(id.toString(), dialable(multiaddrs.map(String)), { toldBy: 'mdns' })
      })
      // Waking has no effect on targets that are not paused, e.g. the first wait of the second dialler.
      const forget = addressBook.onFound((peer) => {
        if (!admitted.has(peer)) pursuits.wake(peer)
      })
      stopping.signal.addEventListener('abort', forget, { once: true })
      for (const peer of neighbours)
        void pursuits.pursue(peer, () => reachNeighbour(peer), self < peer ? 0 : SECOND_DIALLER_MS)
      for (const address of init.bootstrap) void pursueBootstrap(address)
      keepRelayPlaces({ ...init, pursuits, dial, introduce })
      libp2p.addEventListener('self:peer:update', tellAddresses)
      void exchangePeers(init, admitted, () => neighbours.some(isMissing), stopping.signal)
    },
    admitted(peer, addresses) {
      addressBook.add(peer, dialable(addresses), 'own')
      presence.admit(peer)
      if (neighbours.some(isMissing)) void askForPeers(init, peer, stopping.signal)
    },
    admittedPeers: () => [...admitted],
    isAdmitted: (peer) => admitted.has(peer),
    reachabilityChanged(peer) {
      if (init.isReachable(peer)) pursuits.wake(peer)
      else hangUp(peerIdFromString(peer))
    },
    stop() {
      stopping.abort(new DOMException('the node stops', 'AbortError'))
      presence.stop()
      for (const cancel of introductions.values()) cancel()
      introductions.clear()
    },
  }
}

/** What a failed dial came to, without libp2p's list of addresses. */
function dialText(error: unknown): string {
  const text = errorMessage(error)
  const cause = /ECONNREFUSED/.test(text) ? 'nobody listens there' : undefined
  return cause ?? text.split('\n')[0] ?? text
}
