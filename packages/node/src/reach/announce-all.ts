import type { Libp2pEvents, TypedEventTarget } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

interface Components {
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly addressManager: { confirmObservedAddr(address: Multiaddr, options: { type: 'transport' }): void }
  readonly transportManager: { getAddrs(): Multiaddr[] }
}

/**
 * A node announces all that it listens on. libp2p alone would keep public addresses back until AutoNAT has found them to be
 * reachable, for which it wants four other networks.
 */
export function announceAll({ events, addressManager, transportManager }: Components): object {
  events.addEventListener('transport:listening', () => {
    for (const address of transportManager.getAddrs())
      addressManager.confirmObservedAddr(address, { type: 'transport' })
  })
  return {}
}
