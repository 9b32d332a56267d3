import { multiaddr } from '@multiformats/multiaddr'

/** Whether an address leads through a relay. */
export const isRelayed = (address: string): boolean => address.includes('/p2p-circuit')

/** Whether an address is one of WebSockets. */
export const isWebSocket = (address: string): boolean => /\/wss?(\/|$)/.test(address)

/** The peer id at the end of a multiaddr; undefined when it names none. */
export function peerIn(address: string): string | undefined {
  return multiaddr(address)
    .getComponents()
    .findLast(({ name }) => name === 'p2p')?.value
}

/** The peer id of the relay that an address leads through; undefined for direct addresses. */
export function relayIn(address: string): string | undefined {
  return isRelayed(address) ? peerIn(address.slice(0, address.indexOf('/p2p-circuit'))) : undefined
}

/** Direct addresses, and those that lead through relays. */
export function byRoute<A extends { toString(): string }>(
  addresses: readonly A[],
): { readonly direct: A[]; readonly relayed: A[] } {
  return {
    direct: addresses.filter((address) => !isRelayed(address.toString())),
    relayed: addresses.filter((address) => isRelayed(address.toString())),
  }
}
