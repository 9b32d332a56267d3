import { isChangeable } from '@tempered/protocol'
import type { OpenBlob } from '../blobs/open-blob.js'
import type { Membership } from '../epochs/membership.js'
import { NodeError } from '../errors.js'
import { createInbound, type Inbound } from '../inbound/inbound.js'
import type { MessageReader } from '../inbound/message-reader.js'
import { validateBlock } from '../inbound/validate-chain.js'
import { takeChange } from '../inbound/validate-change.js'
import { currentRoundOf } from './current-round.js'
import type { Libp2pNetworkComponents } from './libp2p-network.js'
import { createMemoryLinks, type MemoryLinks, type MemoryPeer, sendStatus } from './memory-links.js'
import type { NetworkHandlers, RunNetwork } from './network.js'
import { createSharedModels, type SharedModels } from './shared-models.js'
import { dropInvalid } from './status-exchange.js'

/**
 * A network of nodes in one process, for tests and simulations: the same validation as over libp2p, no sockets, and
 * every delivery is a timer of the clock, so that a clock under a program's control decides when anything arrives.
 */
export interface MemoryHub {
  /** A node's network. All nodes of a hub must belong to one run. */
  connect(parts: Libp2pNetworkComponents): RunNetwork
  /** Cuts or restores the link between two members; both are notified, as of a lost connection. */
  setLink(a: string, b: string, up: boolean): void
}

export interface MemoryHubInit {
  /** Milliseconds until a message arrives. */
  readonly latencyMs: number
  /** Bytes per millisecond for models; default: unlimited. */
  readonly bytesPerMs?: number
  /**
   * Who gets announcements and heads: all members, as with gossip, or only the neighbours, which is what rounds need;
   * then no head can become final. Evidence goes to all. Default: members.
   */
  readonly audience?: 'members' | 'neighbours'
  /** Reads messages for all nodes; default: each node reads for itself. */
  readonly reader?: MessageReader
  /** With the length of the models, nodes share received models; default: a copy for each receiver. */
  readonly parameterCount?: number
}

export function createMemoryHub(init: MemoryHubInit): MemoryHub {
  const links = createMemoryLinks(init.latencyMs)
  const shared = init.parameterCount === undefined ? undefined : createSharedModels(init.parameterCount)
  return {
    connect: (parts) => createMemoryNetwork(links, init, shared, parts),
    setLink: links.setLink,
  }
}

/** Takes the changes of the run that a neighbour knows. */
function takeChanges(theirs: Membership | undefined, own: Membership): void {
  if (theirs === undefined) return
  for (const { bytes } of [...theirs.decided.map(({ message }) => message), ...theirs.pending])
    dropInvalid(() => takeChange(bytes, own, 'peer'))
}

/** One node's view of the hub. */
function createMemoryNetwork(
  links: MemoryLinks,
  init: MemoryHubInit,
  shared: SharedModels | undefined,
  parts: Libp2pNetworkComponents,
): RunNetwork {
  const { run, signer, neighbours, local, clock } = parts
  const { peerId } = signer
  const self: MemoryPeer = {
    parts,
    peerId,
    handlers: undefined,
    inbound: undefined,
    up: new Set(),
    received: 0,
    sent: 0,
  }
  const { members } = run.manifest
  const audience = init.audience === 'neighbours' ? neighbours : members
  const publish = (to: readonly string[], bytes: Uint8Array, take: (inbound: Inbound) => void): void => {
    for (const member of to) {
      if (member === peerId || links.reach(peerId, member) === undefined) continue
      links.deliver(self, member, bytes.byteLength, (receiver) => dropInvalid(() => take(receiver.inbound!)))
    }
  }

  /** Opens a blob at a peer, lets it travel and takes it. */
  const transferred = async <T>(
    peer: string,
    cid: string,
    byteLength: number,
    signal: AbortSignal,
    take: (blob: OpenBlob) => Promise<T>,
  ): Promise<T> => {
    const sender = await links.request(self, peer, signal)
    const blob = await sender.parts.local.blob(cid, peerId)
    if (blob === undefined) throw new NodeError('E_NOT_FOUND', `${peer} does not hold blob ${cid}`)
    if (blob.byteLength !== byteLength)
      throw new NodeError('E_MALFORMED', `blob ${cid} has ${blob.byteLength} bytes at ${peer}`)
    const { bytesPerMs } = init
    if (bytesPerMs !== undefined)
      await new Promise<void>((resolve) => clock.after(byteLength / bytesPerMs, resolve))
    signal.throwIfAborted()
    const taken = await take(blob)
    sender.sent += byteLength
    self.received += byteLength
    return taken
  }

  return {
    peerId,
    addresses: () => [],
    learnAddresses: () => undefined,
    setReachable: (peer, reachable) => links.setLink(peerId, peer, reachable),
    async start(given) {
      const handlers: NetworkHandlers = {
        ...given,
        neighbourUp(peer) {
          takeChanges(links.reach(peerId, peer)?.parts.membership, parts.membership)
          given.neighbourUp(peer)
        },
      }
      self.handlers = handlers
      self.inbound = createInbound(
        run,
        neighbours,
        {
          announcement: handlers.announcement,
          head: handlers.head,
          accusation: handlers.accusation,
          block: handlers.block,
          chainMessage: handlers.chainMessage,
          groupWord: handlers.groupWord,
          evidence(evidence, found) {
            const { bytes } = evidence
            if (found) publish(members, bytes, (inbound) => inbound.evidence(bytes, peerId))
            handlers.evidence(evidence)
          },
        },
        () => currentRoundOf(local),
        local.evidence().map(({ offender }) => offender),
        init.reader,
        isChangeable(run)
          ? { wasEverMember: parts.membership.wasEverMember, onBehind: () => undefined }
          : undefined,
      )
      links.attach(self)
    },
    async announce({ bytes }) {
      publish(audience, bytes, (inbound) => inbound.announcement(bytes, peerId))
    },
    async publishHead({ bytes }) {
      publish(audience, bytes, (inbound) => inbound.head(bytes, peerId))
    },
    async publishChange(bytes) {
      for (const member of members)
        if (member !== peerId)
          links.deliver(self, member, bytes.byteLength, ({ parts: { membership } }) =>
            dropInvalid(() => takeChange(bytes, membership, 'gossip')),
          )
    },
    async publishEvidence({ offender, bytes }) {
      self.inbound?.quarantine(offender)
      publish(members, bytes, (inbound) => inbound.evidence(bytes, peerId))
    },
    fetchModel: (peer, cid, into, signal) =>
      transferred(peer, cid, into.byteLength, signal, async (blob) => {
        into.set(await blob.read(0, blob.byteLength))
      }),
    ...(shared && {
      borrowModel: (peer, cid, byteLength, signal) =>
        transferred(peer, cid, byteLength, signal, (blob) =>
          shared.borrow(cid, () => blob.read(0, blob.byteLength)),
        ),
    }),
    async pollStatus(peer, fromRound, signal) {
      const sender = await links.request(self, peer, signal)
      const rounds = sender.parts.local.announcements(fromRound).map(({ body }) => body.round)
      sendStatus(sender, self)
      for (const round of rounds) self.inbound!.repeat(peer, round)
      return { rounds, newestRound: Math.max(-1, ...rounds) }
    },
    async publishBlock({ bytes }) {
      publish(members, bytes, (inbound) => inbound.block(bytes))
    },
    async publishChainMessage({ bytes }) {
      publish(members, bytes, (inbound) => inbound.chainMessage(bytes))
    },
    async publishGroupWord({ bytes }) {
      publish(members, bytes, (inbound) => inbound.groupWord(bytes))
    },
    async fetchGroupWords(peer, round, signal) {
      const { parts: theirs } = await links.request(self, peer, signal)
      for (const bytes of theirs.local.groupWords(round)) dropInvalid(() => self.inbound!.groupWord(bytes))
    },
    async fetchBlocks(peer, from, signal) {
      const { parts: theirs } = await links.request(self, peer, signal)
      return theirs.local.blocks(from).map((bytes) => validateBlock(bytes, run))
    },
    async fetchDigests(peer, author, from, signal) {
      return (await links.request(self, peer, signal)).parts.local.digests(author, from)
    },
    async fetchEntries(peer, from, signal, author) {
      return (await links.request(self, peer, signal)).parts.local.entries(from, author)
    },
    async fetchFinalHeads(peer, signal) {
      return (await links.request(self, peer, signal)).parts.local.finalHeads()
    },
    wireBytes: () => ({ received: self.received, sent: self.sent }),
    guardReport: () => undefined,
    async stop() {
      if (self.handlers === undefined) return
      self.handlers = undefined
      links.detach(self)
    },
  }
}
