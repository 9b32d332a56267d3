import { LIMITS, verifyHead } from '@tempered/protocol'
import { NodeError } from '../errors.js'
import { createInbound, type Inbound } from '../inbound/inbound.js'
import { InboundError } from '../inbound/inbound-error.js'
import type { MessageReader } from '../inbound/message-reader.js'
import type { Libp2pNetworkComponents } from './libp2p-network.js'
import type { NetworkHandlers, PeerStatus, RunNetwork } from './network.js'

/**
 * A network of nodes in one process, for tests and simulations: the same validation as over libp2p, no sockets, and
 * every delivery a timer of the clock, so that a clock which a program moves decides when anything arrives.
 */
export interface MemoryHub {
  /** A node's network. All nodes of a hub must belong to one run. */
  connect(parts: Libp2pNetworkComponents): RunNetwork
  /** Cuts or mends the link between two members; both are told, as of a lost connection. */
  setLink(a: string, b: string, up: boolean): void
}

export interface MemoryHubInit {
  /** Milliseconds until a message is there. */
  readonly latencyMs: number
  /** Bytes a millisecond for models; unlimited when left out. */
  readonly bytesPerMs?: number
  /**
   * Who gets announcements and heads: all members, as gossip brings them, or the neighbours alone, which is what rounds
   * need; then no head can become final. Evidence goes to all. Default: members.
   */
  readonly audience?: 'members' | 'neighbours'
  /** Reads messages for all nodes; each reads for itself when left out. */
  readonly reader?: MessageReader
}

interface Attached {
  readonly parts: Libp2pNetworkComponents
  handlers: NetworkHandlers | undefined
  inbound: Inbound | undefined
  /** Neighbours it was told to be up. */
  readonly up: Set<string>
  received: number
  sent: number
}

export function createMemoryHub(init: MemoryHubInit): MemoryHub {
  const nodes = new Map<string, Attached>()
  const cut = new Set<string>()
  const linkName = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`)

  const reach = (from: string, to: string): Attached | undefined => {
    const node = nodes.get(to)
    return node?.handlers === undefined || cut.has(linkName(from, to)) ? undefined : node
  }

  /** Runs at the receiver after the latency, if it can be reached by then. */
  const deliver = (from: Attached, to: string, bytes: number, act: (receiver: Attached) => void): void => {
    from.sent += bytes
    from.parts.clock.after(init.latencyMs, () => {
      const receiver = reach(from.parts.signer.peerId, to)
      if (receiver === undefined) return
      receiver.received += bytes
      act(receiver)
    })
  }

  /** What does not pass validation stops there, as in gossip. */
  const validated = (check: () => void): void => {
    try {
      check()
    } catch (error) {
      if (!(error instanceof InboundError)) throw error
    }
  }

  const tellStatus = (from: Attached, to: Attached): void => {
    const { local, signer } = from.parts
    const peer = signer.peerId
    const inbound = to.inbound!
    for (const { bytes } of local.evidence().slice(-LIMITS.maxStatusEvidence))
      validated(() => inbound.evidence(bytes, peer))
    for (const { bytes } of local.announcements(0)) {
      validated(() => inbound.announcement(bytes, peer))
    }
    const head = local.head()
    if (head !== undefined) validated(() => inbound.head(head.bytes, peer))
  }

  /** Two neighbours that can reach each other, and did not before, say hello. */
  const introduce = (a: Attached, b: Attached): void => {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const peer = from.parts.signer.peerId
      deliver(from, to.parts.signer.peerId, 0, (receiver) => {
        if (receiver.up.has(peer)) return
        receiver.up.add(peer)
        const yours = from.parts.local.newestHead(receiver.parts.signer.peerId)
        if (yours !== undefined) {
          verifyHead(yours)
          receiver.handlers!.ownHead(yours)
        }
        receiver.handlers!.neighbourUp(peer)
        tellStatus(from, receiver)
      })
    }
  }

  const part = (a: Attached, b: Attached): void => {
    for (const [node, peer] of [
      [a, b.parts.signer.peerId],
      [b, a.parts.signer.peerId],
    ] as const) {
      if (!node.up.delete(peer)) continue
      node.parts.clock.after(init.latencyMs, () => {
        if (!node.up.has(peer)) node.handlers?.neighbourDown(peer)
      })
    }
  }

  const ask = async (from: Attached, to: string, signal: AbortSignal): Promise<Attached> => {
    await new Promise<void>((resolve) => from.parts.clock.after(2 * init.latencyMs, resolve))
    signal.throwIfAborted()
    const node = reach(from.parts.signer.peerId, to)
    if (node === undefined) throw new NodeError('E_NO_CONNECTION', `${to} is not connected`)
    return node
  }

  const connect = (parts: Libp2pNetworkComponents): RunNetwork => {
    const { run, signer, neighbours, local, clock } = parts
    const self: Attached = {
      parts,
      handlers: undefined,
      inbound: undefined,
      up: new Set(),
      received: 0,
      sent: 0,
    }
    const everybody = run.manifest.members
    const audience = init.audience === 'neighbours' ? neighbours : everybody
    const publish = (to: readonly string[], bytes: Uint8Array, take: (inbound: Inbound) => void): void => {
      for (const member of to) {
        if (member === signer.peerId || reach(signer.peerId, member) === undefined) continue
        deliver(self, member, bytes.byteLength, (receiver) => validated(() => take(receiver.inbound!)))
      }
    }
    const currentRound = (): number =>
      Math.max(local.announcements(0).at(-1)?.body.round ?? 0, (local.head()?.head.body.round ?? -1) + 1)
    return {
      peerId: signer.peerId,
      addresses: () => [],
      learnAddresses: () => undefined,
      setReachable: (peer, reachable) => setLink(signer.peerId, peer, reachable),
      async start(handlers) {
        nodes.set(signer.peerId, self)
        self.handlers = handlers
        self.inbound = createInbound(
          run,
          neighbours,
          {
            announcement: handlers.announcement,
            head: handlers.head,
            accusation: handlers.accusation,
            evidence(evidence, found) {
              if (found)
                publish(everybody, evidence.bytes, (inbound) =>
                  inbound.evidence(evidence.bytes, signer.peerId),
                )
              handlers.evidence(evidence)
            },
          },
          currentRound,
          local.evidence().map(({ offender }) => offender),
          init.reader,
        )
        for (const peer of neighbours) {
          const other = reach(signer.peerId, peer)
          if (other !== undefined) introduce(self, other)
        }
      },
      async announce({ bytes }) {
        publish(audience, bytes, (inbound) => inbound.announcement(bytes, signer.peerId))
      },
      async publishHead({ bytes }) {
        publish(audience, bytes, (inbound) => inbound.head(bytes, signer.peerId))
      },
      async publishEvidence(evidence) {
        self.inbound?.quarantine(evidence.offender)
        publish(everybody, evidence.bytes, (inbound) => inbound.evidence(evidence.bytes, signer.peerId))
      },
      async fetchModel(peer, cid, into, signal) {
        const source = await ask(self, peer, signal)
        const bytes = await source.parts.local.blob(cid)
        if (bytes === undefined) throw new NodeError('E_NOT_FOUND', `${peer} does not hold blob ${cid}`)
        if (bytes.byteLength !== into.byteLength)
          throw new NodeError('E_MALFORMED', `blob ${cid} has ${bytes.byteLength} bytes at ${peer}`)
        const { bytesPerMs } = init
        if (bytesPerMs !== undefined)
          await new Promise<void>((resolve) => clock.after(bytes.byteLength / bytesPerMs, resolve))
        signal.throwIfAborted()
        into.set(bytes)
        source.sent += bytes.byteLength
        self.received += bytes.byteLength
      },
      async pollStatus(peer, fromRound, signal): Promise<PeerStatus> {
        const source = await ask(self, peer, signal)
        const rounds = source.parts.local.announcements(fromRound).map(({ body }) => body.round)
        tellStatus(source, self)
        for (const round of rounds) self.inbound!.repeat(peer, round)
        return { rounds, newestRound: Math.max(-1, ...rounds) }
      },
      async fetchDigests(peer, author, from, signal) {
        return (await ask(self, peer, signal)).parts.local.digests(author, from)
      },
      async fetchEntries(peer, from, signal) {
        return (await ask(self, peer, signal)).parts.local.entries(from)
      },
      async fetchFinalHeads(peer, signal) {
        return (await ask(self, peer, signal)).parts.local.finalHeads()
      },
      wireBytes: () => ({ received: self.received, sent: self.sent }),
      async stop() {
        if (self.handlers === undefined) return
        self.handlers = undefined
        nodes.delete(signer.peerId)
        for (const peer of neighbours) {
          const other = nodes.get(peer)
          if (other !== undefined) part(self, other)
        }
        self.up.clear()
      },
    }
  }

  const setLink = (a: string, b: string, up: boolean): void => {
    const [one, other] = [nodes.get(a), nodes.get(b)]
    const name = linkName(a, b)
    if (up === !cut.has(name)) return
    if (up) cut.delete(name)
    else cut.add(name)
    if (one === undefined || other === undefined || !one.parts.neighbours.includes(b)) return
    if (up) introduce(one, other)
    else part(one, other)
  }

  return { connect, setLink }
}
