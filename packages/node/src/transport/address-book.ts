import { multiaddr } from '@multiformats/multiaddr'
import { LIMITS } from '@tempered/protocol'

/** Where members can be dialled, from configuration, hellos, other members and mDNS. Bounded; newest first. */
export interface AddressBook {
  add(peer: string, addresses: readonly string[]): void
  get(peer: string): readonly string[]
  /** Peers with addresses, at most `max`. */
  list(max: number): { peer: string; addresses: string[] }[]
  /** Calls `listener` with each peer that had no address until now. */
  onFound(listener: (peer: string) => void): void
}

export function createAddressBook(isMember: (peer: string) => boolean): AddressBook {
  const book = new Map<string, string[]>()
  const listeners: ((peer: string) => void)[] = []
  return {
    add(peer, addresses) {
      if (!isMember(peer) || addresses.length === 0) return
      const known = book.get(peer)
      const merged = [...new Set([...addresses, ...(known ?? [])])]
      book.set(peer, merged.slice(0, LIMITS.maxAddressesPerPeer))
      if (known === undefined) for (const listener of listeners) listener(peer)
    },
    get: (peer) => book.get(peer) ?? [],
    list: (max) => [...book].slice(0, max).map(([peer, addresses]) => ({ peer, addresses })),
    onFound: (listener) => void listeners.push(listener),
  }
}

/** Those of a peer's multiaddrs that parse and can be dialled over TCP. */
export function dialable(addresses: readonly string[]): string[] {
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
