import {
  type Connection,
  type DialTransportOptions,
  type Transport,
  transportSymbol,
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

type Factory<C> = (components: C) => Transport

/** A transport that only dials, and is loaded when the first address of its kind is dialled. */
export function lazyTransport<C>(
  name: string,
  accepts: (address: string) => boolean,
  load: () => Promise<Factory<C>>,
): Factory<C> {
  return (components) => {
    let loaded: Promise<Transport> | undefined
    const open = (): Promise<Transport> => {
      loaded ??= load().then((make) => make(components))
      return loaded
    }
    return {
      [transportSymbol]: true,
      [Symbol.toStringTag]: name,
      dial: async (address: Multiaddr, options: DialTransportOptions): Promise<Connection> =>
        (await open()).dial(address, options as never),
      createListener() {
        throw new Error(`${name} does not listen`)
      },
      listenFilter: () => [],
      dialFilter: (addresses) => addresses.filter((address) => accepts(address.toString())),
    }
  }
}
