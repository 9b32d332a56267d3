import { peerIn, relayIn } from './addresses.js'

/** Peers that carry connections of this node. They need not be members: they see encrypted bytes only. */
export interface KnownRelays {
  isRelay(peer: string): boolean
  /** To be called before addresses are dialled: the relays in them are relays of this node from now on. */
  use(addresses: readonly string[]): void
}

/** Relays that members name in their addresses, beside those that are configured. */
const MOST_RELAYS = 64

/** @param configured - multiaddrs with peer ids */
export function createKnownRelays(configured: readonly string[]): KnownRelays {
  const own = new Set(configured.map(peerIn))
  const used = new Set<string>()
  return {
    isRelay: (peer) => own.has(peer) || used.has(peer),
    use(addresses) {
      for (const address of addresses) {
        const relay = relayIn(address)
        if (relay === undefined || own.has(relay)) continue
        used.delete(relay)
        used.add(relay)
        const [oldest] = used
        if (used.size > MOST_RELAYS) used.delete(oldest!)
      }
    },
  }
}
