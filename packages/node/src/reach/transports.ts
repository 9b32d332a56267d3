import { tcp } from '@libp2p/tcp'
import type { Libp2pOptions } from 'libp2p'
import { provideWebSocket } from '../polyfill/web-socket.js'
import { isRelayed, isWebSocket } from './addresses.js'
import { lazyTransport } from './lazy-transport.js'

export type TransportFactory = NonNullable<Libp2pOptions['transports']>[number]

/** Reservations at relays, as the relay transport keeps them. */
export interface RelayReservations {
  hasReservation(peer: never): boolean
  addRelay(peer: never, type: 'discovered'): Promise<unknown>
}

export interface OpenTransports {
  readonly transports: TransportFactory[]
  /** What the node listens on at its relays, beside its own addresses: once per relay. */
  readonly listen: readonly string[]
  /** Undefined before libp2p has been created, and for nodes without relays. */
  reservations(): RelayReservations | undefined
}

const loadWebSockets = async (): Promise<TransportFactory> => {
  await provideWebSocket()
  return (await import('@libp2p/websockets')).webSockets() as TransportFactory
}
const loadRelayed = async (): Promise<TransportFactory> =>
  (await import('@libp2p/circuit-relay-v2')).circuitRelayTransport() as TransportFactory

/**
 * TCP, and WebSockets and relayed connections, which take a tenth of a second each to load: for those that listen on them
 * at once, for others when they dial such an address.
 *
 * @param listen - multiaddrs to listen on
 * @param relays - at how many relays this node wants a place
 */
export async function openTransports(listen: readonly string[], relays: number): Promise<OpenTransports> {
  let reservations: RelayReservations | undefined
  const relayed = async (): Promise<TransportFactory> => {
    const { circuitRelayTransport } = await import('@libp2p/circuit-relay-v2')
    // Which relays are wanted is configured; none is looked for.
    const make = circuitRelayTransport({ discoveryFilter: NO_DISCOVERY })
    return (components) => {
      const transport = make(components as never)
      reservations = (transport as unknown as { readonly reservationStore: RelayReservations })
        .reservationStore
      return transport
    }
  }
  return {
    transports: [
      tcp() as TransportFactory,
      listen.some(isWebSocket)
        ? await loadWebSockets()
        : lazyTransport(
            'websockets',
            (address) => isWebSocket(address) && !isRelayed(address),
            loadWebSockets,
          ),
      relays > 0 ? await relayed() : lazyTransport('relayed', isRelayed, loadRelayed),
    ],
    listen: Array.from({ length: relays }, () => '/p2p-circuit'),
    reservations: () => reservations,
  }
}

/** Says of every peer that it is known already, so that nothing is asked of it. */
const NO_DISCOVERY = { has: () => true, add: () => undefined, remove: () => undefined }

/** Transports of a host that dials these addresses and listens on none. */
export async function dialTransports(addresses: readonly string[]): Promise<TransportFactory[]> {
  return [
    tcp() as TransportFactory,
    ...(addresses.some(isWebSocket) ? [await loadWebSockets()] : []),
    ...(addresses.some(isRelayed) ? [await loadRelayed()] : []),
  ]
}
