import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { errorMessage } from '../errors.js'
import type { Logger } from '../logger.js'
import type { Libp2pNode } from '../transport/libp2p-node.js'
import type { Pursuits } from '../transport/pursuits.js'
import { peerIn } from './addresses.js'

export interface RelayPlacesInit {
  readonly libp2p: Libp2pNode
  readonly logger: Logger
  readonly pursuits: Pursuits
  /** Multiaddrs of relays, with peer ids. */
  readonly relays: readonly string[]
  dial(target: Multiaddr[] | PeerId): Promise<Connection>
  /** Says hello to a relay that is a member. */
  introduce(connection: Connection): Promise<void>
  isMember(peer: string): boolean
}

/** Failures in a row before one is reported: a relay may start later. */
const WARN_AFTER_FAILURES = 5

/** Keeps a connection with each relay and a place at it, so that others can dial this node through it. */
export function keepRelayPlaces(init: RelayPlacesInit): void {
  const { libp2p, logger, pursuits } = init
  const keep = (address: string): Promise<void> => {
    const relay = peerIdFromString(peerIn(address)!)
    const name = relay.toString()
    let told = false
    const reach = async (): Promise<boolean> => {
      const connection =
        libp2p.getConnections(relay).find(({ status, direct }) => status === 'open' && direct) ??
        (await init.dial([multiaddr(address)]))
      if (init.isMember(name)) await init.introduce(connection)
      const reservations = libp2p.relayReservations?.()
      if (reservations === undefined || reservations.hasReservation(relay as never)) return true
      await reservations.addRelay(relay as never, 'discovered')
      told = false
      logger.info({ relay: name }, `others reach this node through the relay ${name}`)
      return true
    }
    return pursuits.pursue(`relay ${address}`, reach, 0, (error, inARow) => {
      if (told || inARow < WARN_AFTER_FAILURES) return
      told = true
      logger.warn(
        { relay: name },
        `no place at the relay ${address}: ${errorMessage(error).split('\n')[0]}; trying on. Does it run, with \`network.relay\`, and is this node a member of its run?`,
      )
    })
  }
  for (const address of init.relays) void keep(address)
}
