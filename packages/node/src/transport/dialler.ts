import type { Connection, PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import type { Logger } from '../logger.js'
import { byRoute } from '../reach/addresses.js'
import type { KnownRelays } from '../reach/known-relays.js'
import type { AddressBook } from './address-book.js'
import type { Libp2pNode } from './libp2p-node.js'

/** Opens connections, each within a limit of time. */
export interface Dialler {
  dial(target: Multiaddr[] | PeerId, ms?: number): Promise<Connection>
  /** Directly if possible, otherwise through a relay. */
  dialBest(addresses: readonly Multiaddr[]): Promise<Connection>
  /**
   * At the addresses that the book has of a peer, one after the other, the most trustworthy first. Throws
   * E_NO_CONNECTION when there are none, and what the last one failed with.
   */
  dialPeer(peer: string): Promise<Connection>
  /** A direct dial at what the book has of a peer; undefined when it has only addresses through relays, or none. */
  directDial(peer: string): (() => Promise<Connection>) | undefined
}

export interface DiallerInit {
  readonly libp2p: Pick<Libp2pNode, 'dial'>
  readonly clock: Clock
  readonly logger: Logger
  readonly addressBook: Pick<AddressBook, 'get' | 'groups'>
  readonly knownRelays: Pick<KnownRelays, 'use'>
  readonly dialMs: number
  /** Aborts when the node stops. */
  readonly stopping: AbortSignal
}

/** How long direct addresses of a peer are tried before it is dialled through a relay. */
const DIRECT_FIRST_MS = 3_000
/**
 * How long one of several addresses is tried. Behind one that somebody made up there may be a host that accepts
 * connections and then says nothing.
 */
const ONE_OF_SEVERAL_MS = 2_000
/** Addresses that are tried in one attempt, however many become known meanwhile. */
const MOST_TRIED = 32

export function createDialler(init: DiallerInit): Dialler {
  const { libp2p, clock, logger, addressBook, knownRelays, dialMs, stopping } = init
  /** How often each peer was dialled. */
  const attempts = new Map<string, number>()

  const dial = async (target: Multiaddr[] | PeerId, ms = dialMs): Promise<Connection> => {
    const limit = clock.deadline(ms, stopping)
    try {
      return await libp2p.dial(target, { signal: limit.signal })
    } finally {
      limit.clear()
    }
  }

  const dialOne = (address: Multiaddr, ms: number): Promise<Connection> => {
    knownRelays.use([address.toString()])
    return dial([address], ms)
  }

  const inOrder = (peer: string): Multiaddr[] =>
    addressBook.groups(peer).flatMap((group) => {
      const { direct, relayed } = byRoute(ofPeer(group, peer))
      return [...direct, ...relayed]
    })

  return {
    dial,
    async dialBest(addresses) {
      const { direct, relayed } = byRoute(addresses)
      if (relayed.length === 0) return dial(direct)
      if (direct.length > 0) {
        try {
          return await dial(direct, Math.min(DIRECT_FIRST_MS, dialMs))
        } catch (error) {
          logger.debug({ err: error }, 'not reached directly; trying relays')
        }
      }
      knownRelays.use(relayed.map(String))
      return dial(relayed)
    },
    async dialPeer(peer) {
      const tried = new Set<string>()
      let failure: unknown = new NodeError('E_NO_CONNECTION', `no address of ${peer} is known`)
      // Better ones may become known meanwhile.
      while (tried.size < MOST_TRIED) {
        const known = inOrder(peer)
        const next = known.find((address) => !tried.has(address.toString()))
        if (next === undefined) break
        tried.add(next.toString())
        try {
          return await dialOne(next, known.length === 1 ? dialMs : Math.min(ONE_OF_SEVERAL_MS, dialMs))
        } catch (error) {
          if (stopping.aborted) throw error
          failure = error
        }
      }
      // For links that are slow each gets all the time in its turn.
      const attempt = attempts.get(peer) ?? 0
      attempts.set(peer, attempt + 1)
      const known = inOrder(peer)
      if (known.length > 1) return dialOne(known[attempt % known.length]!, dialMs)
      throw failure
    },
    directDial(peer) {
      const { direct } = byRoute(ofPeer(addressBook.get(peer), peer))
      return direct.length === 0 ? undefined : () => dial(direct)
    },
  }
}

/** The addresses with the key that their peer must prove, without those that lead to another peer. */
function ofPeer(addresses: readonly string[], peer: string): Multiaddr[] {
  return addresses.flatMap((address) => {
    const parsed = multiaddr(address)
    const last = parsed.getComponents().at(-1)
    if (last?.name === 'p2p') return last.value === peer ? parsed : []
    return multiaddr(`${address}/p2p/${peer}`)
  })
}
