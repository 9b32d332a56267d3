import type { GossipSubComponents } from '@libp2p/gossipsub'
import type { Connection, PeerId, Stream, StreamHandler, Topology } from '@libp2p/interface'
import type { Clock } from '../clock.js'
import type { Rate } from './budgets.js'
import { createRateLimiter, type RateLimiter } from './rate-limiter.js'

type Registrar = GossipSubComponents['registrar']

/** After the close of a connection: gossipsub must have noticed that its stream is gone. */
const MOVE_ON_MS = 20

interface MembersOnlyComponents {
  readonly registrar: Registrar
  readonly connectionManager: Pick<GossipSubComponents['connectionManager'], 'getConnections'>
}

export interface MembersOnlyInit {
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>
  /** Bytes that one peer may send. */
  readonly bytes: Rate
  isMember(peer: string): boolean
  onStranger(protocol: string, peer: string): void
}

/**
 * A libp2p service that only members get to see. For everybody else it does not exist: no stream is opened to them,
 * and none of theirs is answered. A member that sends more bytes than its rate allows is read more slowly.
 */
export function membersOnly<Components extends MembersOnlyComponents, Service>(
  create: (components: Components) => Service,
  init: MembersOnlyInit,
): (components: Components) => Service {
  const limiter = createRateLimiter(init.clock, init.bytes)
  return (components) => {
    const registrar = guarded(components, init, limiter)
    return create(
      new Proxy(components, {
        get: (target, key) => (key === 'registrar' ? registrar : Reflect.get(target, key, target)),
      }),
    )
  }
}

function guarded(
  { registrar, connectionManager }: MembersOnlyComponents,
  init: MembersOnlyInit,
  limiter: RateLimiter,
): Registrar {
  const isMember = (peer: PeerId): boolean => init.isMember(peer.toString())
  const handle: Registrar['handle'] = (protocol, handler, options) => {
    const guardedHandler: StreamHandler = (stream, connection) => {
      const peer = connection.remotePeer.toString()
      if (!init.isMember(peer)) {
        init.onStranger(protocol, peer)
        stream.abort(new Error('for members only'))
        return
      }
      slowDown(stream, peer, limiter, init.clock)
      return handler(stream, connection)
    }
    return registrar.handle(protocol, guardedHandler, options)
  }
  /** A peer has one stream of gossipsub at a time; it does not look for another connection when that one closes. */
  const moveOn = (topology: Topology, peer: PeerId): void => {
    init.clock.after(MOVE_ON_MS, () => {
      const open = connectionManager.getConnections(peer).filter(({ status }) => status === 'open')
      const other = open.find(({ direct }) => direct) ?? open[0]
      if (other !== undefined) topology.onConnect?.(peer, other)
    })
  }
  const register: Registrar['register'] = (protocol, topology) => {
    const guardedTopology: Topology = {
      ...topology,
      onConnect(peer: PeerId, connection: Connection) {
        if (!isMember(peer)) return
        topology.onConnect?.(peer, connection)
        connection.addEventListener('close', () => moveOn(topology, peer))
      },
      onDisconnect(peer: PeerId) {
        if (isMember(peer)) topology.onDisconnect?.(peer)
      },
    }
    return registrar.register(protocol, guardedTopology)
  }
  return new Proxy(registrar, {
    get(target, key) {
      if (key === 'handle') return handle
      if (key === 'register') return register
      const value = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Pauses a stream until its peer has paid for what it sent; its flow control then stops the peer. */
function slowDown(stream: Stream, peer: string, limiter: RateLimiter, clock: MembersOnlyInit['clock']): void {
  let cancel: (() => void) | undefined
  stream.addEventListener('message', ({ data }) => {
    const waitMs = limiter.borrow(peer, data.byteLength)
    if (waitMs === 0 || cancel !== undefined || stream.status !== 'open') return
    stream.pause()
    cancel = clock.after(waitMs, () => {
      cancel = undefined
      if (stream.status === 'open') stream.resume()
    })
  })
  stream.addEventListener('close', () => cancel?.())
}
