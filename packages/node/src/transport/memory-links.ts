import { LIMITS, verifyHead } from '@tempered/protocol'
import { NodeError } from '../errors.js'
import type { Inbound } from '../inbound/inbound.js'
import type { Libp2pNetworkComponents } from './libp2p-network.js'
import type { NetworkHandlers } from './network.js'
import { dropInvalid } from './status-exchange.js'

/** A node on a memory network. */
export interface MemoryPeer {
  readonly parts: Libp2pNetworkComponents
  readonly peerId: string
  /** Undefined before `start` and after `stop`. */
  handlers: NetworkHandlers | undefined
  inbound: Inbound | undefined
  /** Neighbours that this node considers up, by peer id. */
  readonly up: Set<string>
  /** Bytes. */
  received: number
  sent: number
}

/** The links between the peers of a memory network: which peers can reach each other, and when a message arrives. */
export interface MemoryLinks {
  attach(peer: MemoryPeer): void
  detach(peer: MemoryPeer): void
  /** A started peer that can be reached from `from`, or undefined. */
  reach(from: string, to: string): MemoryPeer | undefined
  /** Runs `act` at the receiver after the latency, if it can be reached by then. */
  deliver(from: MemoryPeer, to: string, bytes: number, act: (receiver: MemoryPeer) => void): void
  /** The peer that answers a request, after a round trip. Throws E_NO_CONNECTION. */
  request(from: MemoryPeer, to: string, signal: AbortSignal): Promise<MemoryPeer>
  /** Cuts or restores the link between two members. */
  setLink(a: string, b: string, up: boolean): void
}

export function createMemoryLinks(latencyMs: number): MemoryLinks {
  const peers = new Map<string, MemoryPeer>()
  const cut = new Set<string>()

  const reach: MemoryLinks['reach'] = (from, to) => {
    const peer = peers.get(to)
    return peer?.handlers === undefined || cut.has(linkName(from, to)) ? undefined : peer
  }

  const deliver: MemoryLinks['deliver'] = (from, to, bytes, act) => {
    from.sent += bytes
    from.parts.clock.after(latencyMs, () => {
      const receiver = reach(from.peerId, to)
      if (receiver === undefined) return
      receiver.received += bytes
      act(receiver)
    })
  }

  /** Two neighbours that can reach each other, and could not before, say hello. */
  const introduce = (a: MemoryPeer, b: MemoryPeer): void => {
    for (const [from, to] of directions(a, b)) {
      deliver(from, to.peerId, 0, (receiver) => {
        if (receiver.up.has(from.peerId)) return
        receiver.up.add(from.peerId)
        const ownHead = from.parts.local.newestHead(receiver.peerId)
        if (ownHead !== undefined) {
          verifyHead(ownHead)
          receiver.handlers!.ownHead(ownHead)
        }
        receiver.handlers!.neighbourUp(from.peerId)
        sendStatus(from, receiver)
      })
    }
  }

  const separate = (a: MemoryPeer, b: MemoryPeer): void => {
    for (const [from, to] of directions(a, b)) {
      if (!from.up.delete(to.peerId)) continue
      from.parts.clock.after(latencyMs, () => {
        if (!from.up.has(to.peerId)) from.handlers?.neighbourDown(to.peerId)
      })
    }
  }

  return {
    attach(peer) {
      peers.set(peer.peerId, peer)
      for (const neighbour of peer.parts.contacts) {
        const other = reach(peer.peerId, neighbour)
        if (other !== undefined) introduce(peer, other)
      }
    },
    detach(peer) {
      peers.delete(peer.peerId)
      for (const neighbour of peer.parts.contacts) {
        const other = peers.get(neighbour)
        if (other !== undefined) separate(peer, other)
      }
      peer.up.clear()
    },
    reach,
    deliver,
    async request(from, to, signal) {
      await new Promise<void>((resolve) => from.parts.clock.after(2 * latencyMs, resolve))
      signal.throwIfAborted()
      const peer = reach(from.peerId, to)
      if (peer === undefined) throw new NodeError('E_NO_CONNECTION', `${to} is not connected`)
      return peer
    },
    setLink(a, b, up) {
      const [one, other] = [peers.get(a), peers.get(b)]
      const name = linkName(a, b)
      if (up === !cut.has(name)) return
      if (up) cut.delete(name)
      else cut.add(name)
      if (one === undefined || other === undefined || !one.parts.contacts.includes(b)) return
      if (up) introduce(one, other)
      else separate(one, other)
    },
  }
}

/** Passes the evidence, announcements and head of one node to another's validation. */
export function sendStatus({ parts, peerId }: MemoryPeer, receiver: MemoryPeer): void {
  const inbound = receiver.inbound!
  const { local } = parts
  for (const { bytes } of local.evidence().slice(-LIMITS.maxStatusEvidence))
    dropInvalid(() => inbound.evidence(bytes, peerId))
  for (const { bytes } of local.announcements(0)) dropInvalid(() => inbound.announcement(bytes, peerId))
  const head = local.head()
  if (head !== undefined) dropInvalid(() => inbound.head(head.bytes, peerId))
}

const linkName = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`)

const directions = (a: MemoryPeer, b: MemoryPeer): [MemoryPeer, MemoryPeer][] => [
  [a, b],
  [b, a],
]
