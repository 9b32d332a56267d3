import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { LIMITS, type Manifest, STREAM_PROTOCOLS } from '@tempered/protocol'
import { z } from 'zod'
import { type Clock, sleep } from '../clock.js'
import { errorCode, errorMessage, NodeError } from '../errors.js'
import type { Logger } from '../logger.js'
import type { AddressBook } from './address-book.js'
import type { DirectProtocols } from './direct-protocols.js'
import type { TemperedHost } from './host.js'

/**
 * Keeps the connections that the topology wants: dials known addresses with back-off, says hello, asks members for
 * addresses that are missing, and tells when a neighbour is up or, after a grace time, down.
 */
export interface NeighbourhoodInit {
  readonly host: TemperedHost
  readonly clock: Clock
  readonly direct: DirectProtocols
  readonly logger: Logger
  readonly addressBook: AddressBook
  readonly self: string
  /** Peer ids of the topology's neighbours. */
  readonly neighbours: readonly string[]
  /** Configured multiaddrs, with or without `/p2p/…`. */
  readonly bootstrap: readonly string[]
  readonly deadlines: Pick<Manifest['deadlines'], 'dialMs' | 'reconnectMs'>
  /** Whether connections with a peer are allowed at this moment. */
  isReachable(peer: string): boolean
  introduce(peer: PeerId, signal: AbortSignal): Promise<void>
  onUp(peer: string): void
  onDown(peer: string): void
}

export interface Neighbourhood {
  start(): Promise<void>
  /** To be called once a peer is admitted. */
  admitted(peer: string, addresses: readonly string[]): void
  isAdmitted(peer: string): boolean
  /** To be called when `isReachable` says something new of a peer: hangs up, or dials at once. */
  reachabilityChanged(peer: string): void
  stop(): void
}

const FIRST_BACKOFF_MS = 250
const LONGEST_BACKOFF_MS = 8_000
/** The larger peer id leaves the first dial to the smaller one, so that there is one connection, not two. */
const SECOND_DIALLER_MS = 2_000
const PEER_EXCHANGE_MS = 2_000
/** A connection whose peer has not been admitted by then is closed. */
const INTRODUCTION_MS = 30_000

const peersReply = z.strictObject({
  peers: z
    .array(
      z.strictObject({
        peer: z.string().max(128),
        addresses: z.array(z.string().max(256)).max(LIMITS.maxAddressesPerPeer),
      }),
    )
    .max(LIMITS.maxPeerRecords),
})

export function createNeighbourhood(init: NeighbourhoodInit): Neighbourhood {
  const { host, clock, direct, logger, addressBook, self, neighbours } = init
  const stopping = new AbortController()
  const admitted = new Set<string>()
  const up = new Set<string>()
  const graceTimers = new Map<string, () => void>()
  /** By connection id: how long it may stay without its peer being admitted. */
  const introductions = new Map<string, () => void>()
  const wanted = new Set(neighbours)
  /** By name of a target that waits for its next attempt: ends the waiting. */
  const wake = new Map<string, () => void>()

  const isConnected = (peer: string): boolean => host.getConnections(peerIdFromString(peer)).length > 0

  const dial = async (target: Multiaddr[] | PeerId): Promise<Connection> => {
    const limit = clock.deadline(init.deadlines.dialMs, stopping.signal)
    try {
      return await host.dial(target, { signal: limit.signal })
    } finally {
      limit.clear()
    }
  }

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

  /** Waits for the next attempt at a target; false when it was woken before. */
  const pause = async (name: string, delayMs: number): Promise<boolean> => {
    const woken = new AbortController()
    wake.set(name, () => woken.abort())
    await sleep(clock, delayMs, AbortSignal.any([woken.signal, stopping.signal]))
    wake.delete(name)
    return !woken.signal.aborted
  }

  const hangUp = (peer: PeerId): void => void host.hangUp(peer).catch(() => undefined)

  /** Dials a target until it is admitted, then waits for it to be lost and begins again. */
  const pursue = async (
    name: string,
    attempt: () => Promise<boolean>,
    firstDelayMs: number,
  ): Promise<void> => {
    await sleep(clock, firstDelayMs, stopping.signal)
    let backoffMs = FIRST_BACKOFF_MS
    while (!stopping.signal.aborted) {
      try {
        backoffMs = (await attempt()) ? FIRST_BACKOFF_MS : Math.min(backoffMs * 2, LONGEST_BACKOFF_MS)
      } catch (error) {
        if (stopping.signal.aborted) return
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS)
        logger.debug({ target: name, code: errorCode(error) }, `not connected yet: ${errorMessage(error)}`)
      }
      if (!(await pause(name, backoffMs))) backoffMs = FIRST_BACKOFF_MS
    }
  }

  const pursueNeighbour = (peer: string): Promise<void> =>
    pursue(
      peer,
      async () => {
        if (admitted.has(peer)) return true
        if (!init.isReachable(peer)) return false
        if (isConnected(peer)) {
          await introduce(host.getConnections(peerIdFromString(peer))[0]!)
          return true
        }
        const addresses = addressBook.get(peer).map((address) => withPeerId(address, peer))
        if (addresses.length === 0) return false
        await introduce(await dial(addresses))
        return true
      },
      self < peer ? 0 : SECOND_DIALLER_MS,
    )

  const pursueBootstrap = (address: string): Promise<void> => {
    let known: string | undefined
    return pursue(
      address,
      async () => {
        if (known !== undefined && admitted.has(known)) return true
        const connection = await dial([multiaddr(address)])
        known = connection.remotePeer.toString()
        await introduce(connection)
        addressBook.add(known, [connection.remoteAddr.toString()])
        return true
      },
      0,
    )
  }

  /** While neighbours have no known address, asks admitted members where they are. */
  const exchangePeers = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(clock, PEER_EXCHANGE_MS, stopping.signal)
      const missing = neighbours.some((peer) => !admitted.has(peer) && addressBook.get(peer).length === 0)
      if (!missing) continue
      for (const peer of admitted) {
        try {
          const reply = await direct.request(
            peerIdFromString(peer),
            STREAM_PROTOCOLS.peers,
            {},
            stopping.signal,
          )
          for (const record of peersReply.parse(reply).peers)
            addressBook.add(record.peer, dialable(record.addresses))
        } catch (error) {
          logger.debug({ peer, code: errorCode(error) }, `no addresses from peer: ${errorMessage(error)}`)
        }
      }
    }
  }

  const onDisconnect = (peer: string): void => {
    admitted.delete(peer)
    if (!up.has(peer) || graceTimers.has(peer)) return
    logger.info({ peer }, 'neighbour lost')
    const cancel = clock.after(init.deadlines.reconnectMs, () => {
      graceTimers.delete(peer)
      if (admitted.has(peer)) return
      up.delete(peer)
      init.onDown(peer)
    })
    graceTimers.set(peer, cancel)
  }

  return {
    async start() {
      await direct.serve(STREAM_PROTOCOLS.peers, 2, async (stream, connection, signal) => {
        if (!admitted.has(connection.remotePeer.toString())) {
          throw new NodeError('E_NOT_ADMITTED', `${connection.remotePeer} is not admitted`)
        }
        await stream.readFrame(signal)
        await stream.writeFrame({ peers: addressBook.list(LIMITS.maxPeerRecords) }, signal)
      })
      host.addEventListener('connection:open', (event) => {
        const connection = event.detail
        // It was on its way when the link was cut.
        if (!init.isReachable(connection.remotePeer.toString())) hangUp(connection.remotePeer)
        const cancel = clock.after(INTRODUCTION_MS, () => {
          introductions.delete(connection.id)
          if (!admitted.has(connection.remotePeer.toString())) void connection.close().catch(() => undefined)
        })
        introductions.set(connection.id, cancel)
      })
      host.addEventListener('connection:close', (event) => {
        introductions.get(event.detail.id)?.()
        introductions.delete(event.detail.id)
      })
      host.addEventListener('peer:disconnect', (event) => onDisconnect(event.detail.toString()))
      host.addEventListener('peer:discovery', (event) => {
        const { id, multiaddrs } = event.detail
        addressBook.add(id.toString(), dialable(multiaddrs.map(String)))
      })
      for (const peer of neighbours) void pursueNeighbour(peer)
      for (const address of init.bootstrap) void pursueBootstrap(address)
      void exchangePeers()
    },
    admitted(peer, addresses) {
      addressBook.add(peer, dialable(addresses))
      if (admitted.has(peer)) return
      admitted.add(peer)
      graceTimers.get(peer)?.()
      graceTimers.delete(peer)
      if (wanted.has(peer) && !up.has(peer)) {
        up.add(peer)
        init.onUp(peer)
      }
    },
    isAdmitted: (peer) => admitted.has(peer),
    reachabilityChanged(peer) {
      if (init.isReachable(peer)) wake.get(peer)?.()
      else hangUp(peerIdFromString(peer))
    },
    stop() {
      stopping.abort(new DOMException('the node stops', 'AbortError'))
      for (const cancel of [...graceTimers.values(), ...introductions.values()]) cancel()
      graceTimers.clear()
      introductions.clear()
    },
  }
}

/** Multiaddrs from others that parse and say where to dial over TCP. */
function dialable(addresses: readonly string[]): string[] {
  return addresses.filter((address) => {
    try {
      return multiaddr(address)
        .getComponents()
        .some((component) => component.name === 'tcp')
    } catch {
      return false
    }
  })
}

function withPeerId(address: string, peer: string): Multiaddr {
  const parsed = multiaddr(address)
  return parsed.getComponents().some((component) => component.name === 'p2p')
    ? parsed
    : multiaddr(`${address}/p2p/${peer}`)
}
