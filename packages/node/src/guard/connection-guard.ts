import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import { isRelayed, relayIn } from '../reach/addresses.js'
import type { ConnectionBudgets, RelayBudgets } from './budgets.js'
import { createRateLimiter } from './rate-limiter.js'
import { createRelayGate } from './relay-gate.js'

/**
 * Who may hold connections. Members have places of their own, which strangers cannot take: a stranger is a peer whose
 * key, which the handshake proves, is not among the members. Where too many want in, the oldest of the address that
 * has most gives way, so that whoever floods a node pushes itself out.
 */
export interface ConnectionGuard {
  /** For `connectionGater` of libp2p. */
  readonly gater: ConnectionGater
  readonly counts: { readonly halfOpen: number; readonly strangers: number }
  stop(): void
}

export interface ConnectionGuardInit {
  readonly budgets: ConnectionBudgets
  readonly relay: RelayBudgets
  readonly clock: Pick<Clock, 'after' | 'monotonicMs'>
  isMember(peer: string): boolean
  /** Whether this node uses a peer as a relay; it need not be a member. */
  isRelay(peer: string): boolean
  /** Whether connections with a peer are allowed at this moment. */
  isAllowed(peer: string): boolean
  /** A connection was closed because a budget was used up. `address`: of the other side, without port. */
  onClosed(code: ConnectionCode, address: string, peer: string | undefined): void
  /** This node is a relay, and a member wanted more than its share of it. */
  onRelayRefused(code: 'E_RELAY_RATE', peer: string): void
}

export type ConnectionCode =
  | 'E_CONNECTION_RATE'
  | 'E_HALF_OPEN'
  | 'E_STRANGERS'
  | 'E_STRANGER_TIME'
  | 'E_STRANGER_BYTES'
  | 'E_CONNECTIONS'

/** A connection that holds one of a limited number of places. */
interface Place {
  readonly connection: MultiaddrConnection
  readonly address: string
  readonly peer: string | undefined
}

export function createConnectionGuard(init: ConnectionGuardInit): ConnectionGuard {
  const { budgets, clock } = init
  const timers = new Set<() => void>()
  const arrivals = createRateLimiter(clock, budgets.arrivals)

  const close = (code: ConnectionCode, { connection, address, peer }: Place): void => {
    init.onClosed(code, address, peer)
    connection.abort(new NodeError('E_REFUSED', `${code}: this node has no place left for it`, { code }))
  }
  const halfOpen = createPlaces(budgets.halfOpen, (place) => close('E_HALF_OPEN', place))
  const strangers = createPlaces(budgets.strangers, (place) => close('E_STRANGERS', place))
  const members = new Map<string, Set<Place>>()
  /** Connections whose peer is not known to be a member, with what has come in on them. */
  const unproven = new Map<MultiaddrConnection, number>()

  /** Counts what comes in until the peer has proven to be a member. */
  const watch = (connection: MultiaddrConnection, address: string): void => {
    if (unproven.has(connection)) return
    unproven.set(connection, 0)
    connection.addEventListener('message', ({ data }) => {
      const before = unproven.get(connection)
      if (before === undefined) return
      const bytes = before + data.byteLength
      unproven.set(connection, bytes)
      if (bytes <= budgets.strangerBytes) return
      unproven.delete(connection)
      const peer = strangers.find(connection)?.peer
      // Not while libp2p delivers these bytes.
      queueMicrotask(() => close('E_STRANGER_BYTES', { connection, address, peer }))
    })
    connection.addEventListener('close', () => {
      unproven.delete(connection)
      halfOpen.leave(connection)
      strangers.leave(connection)
    })
  }

  const welcome = (connection: MultiaddrConnection, address: string, peer: string): void => {
    unproven.delete(connection)
    const held = members.get(peer) ?? new Set<Place>()
    members.set(peer, held)
    const place = { connection, address, peer }
    held.add(place)
    connection.addEventListener('close', () => {
      held.delete(place)
      if (held.size === 0 && members.get(peer) === held) members.delete(peer)
    })
    // Not the newest: after a change of network the older ones are dead without having been closed.
    const [oldest] = held
    if (held.size > budgets.perMember && oldest !== undefined) {
      held.delete(oldest)
      close('E_CONNECTIONS', oldest)
    }
  }

  const tolerate = (connection: MultiaddrConnection, address: string, peer: string): void => {
    const place = { connection, address, peer }
    strangers.enter(place)
    const cancel = clock.after(budgets.strangerMs, () => {
      timers.delete(cancel)
      if (strangers.leave(connection)) close('E_STRANGER_TIME', place)
    })
    timers.add(cancel)
    connection.addEventListener('close', () => {
      cancel()
      timers.delete(cancel)
    })
  }

  /** The handshake has proven who the peer is. */
  const proven = (peerId: PeerId, connection: MultiaddrConnection): boolean => {
    const peer = peerId.toString()
    const address = hostOf(connection)
    halfOpen.leave(connection)
    if (!init.isAllowed(peer)) return false
    if (init.isMember(peer) || init.isRelay(peer)) welcome(connection, address, peer)
    // A relay is no way around the places of strangers.
    else if (isRelayed(connection.remoteAddr.toString())) return false
    else {
      watch(connection, address)
      tolerate(connection, address, peer)
    }
    return true
  }

  return {
    gater: {
      ...createRelayGate({ ...init, budgets: init.relay, onRefused: init.onRelayRefused }),
      denyDialPeer: (peer) => !init.isAllowed(peer.toString()),
      denyInboundConnection(connection) {
        const address = hostOf(connection)
        if (!arrivals.take(address)) {
          init.onClosed('E_CONNECTION_RATE', address, undefined)
          return true
        }
        watch(connection, address)
        halfOpen.enter({ connection, address, peer: undefined })
        return false
      },
      denyInboundEncryptedConnection: (peer, connection) => !proven(peer, connection),
      denyOutboundEncryptedConnection: (peer, connection) => !proven(peer, connection),
    },
    counts: {
      get halfOpen() {
        return halfOpen.size
      },
      get strangers() {
        return strangers.size
      },
    },
    stop() {
      for (const cancel of timers) cancel()
      timers.clear()
    },
  }
}

interface Places {
  readonly size: number
  enter(place: Place): void
  find(connection: MultiaddrConnection): Place | undefined
  /** Whether it had a place. */
  leave(connection: MultiaddrConnection): boolean
}

/** @param evict - closes a connection whose place somebody else gets */
function createPlaces(most: number, evict: (place: Place) => void): Places {
  /** By address, oldest first. */
  const byAddress = new Map<string, Map<MultiaddrConnection, Place>>()
  const places = new Map<MultiaddrConnection, Place>()
  const leave = (connection: MultiaddrConnection): boolean => {
    const place = places.get(connection)
    if (place === undefined) return false
    places.delete(connection)
    const there = byAddress.get(place.address)!
    there.delete(connection)
    if (there.size === 0) byAddress.delete(place.address)
    return true
  }
  return {
    get size() {
      return places.size
    },
    enter(place) {
      places.set(place.connection, place)
      const there = byAddress.get(place.address) ?? new Map<MultiaddrConnection, Place>()
      byAddress.set(place.address, there.set(place.connection, place))
      if (places.size <= most) return
      let crowded = there
      for (const others of byAddress.values()) if (others.size > crowded.size) crowded = others
      const [oldest] = crowded.values()
      if (oldest === undefined) return
      leave(oldest.connection)
      evict(oldest)
    },
    find: (connection) => places.get(connection),
    leave,
  }
}

/** The address of the other side without its port. All that comes through one relay comes from one address. */
function hostOf(connection: MultiaddrConnection): string {
  const relay = relayIn(connection.remoteAddr.toString())
  if (relay !== undefined) return `relay ${relay}`
  const [host] = connection.remoteAddr.getComponents()
  return host?.value ?? connection.remoteAddr.toString()
}
