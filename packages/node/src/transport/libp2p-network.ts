import { peerIdFromString } from '@libp2p/peer-id'
import {
  type Evidence,
  isChangeable,
  type Run,
  runTopics,
  type Signer,
  STREAM_PROTOCOLS,
} from '@tempered/protocol'
import { type BlobClient, createBlobClient } from '../blobs/blob-client.js'
import { blobGate, serveBlobs } from '../blobs/exchange.js'
import type { Clock } from '../clock.js'
import { serveChanges } from '../epochs/change-exchange.js'
import { createChangeUpdates } from '../epochs/change-updates.js'
import { serveJoin } from '../epochs/join-exchange.js'
import type { Membership } from '../epochs/membership.js'
import { NOTICE_ROUNDS } from '../epochs/notice.js'
import type { UsedInvitations } from '../epochs/used-invitations.js'
import { errorCode, NodeError } from '../errors.js'
import type { BanStore } from '../guard/bans.js'
import { createNodeGuard, type NodeGuard } from '../guard/node-guard.js'
import { createInbound, type Inbound } from '../inbound/inbound.js'
import type { Logger } from '../logger.js'
import { peerIn } from '../reach/addresses.js'
import { createKnownRelays } from '../reach/known-relays.js'
import { type DhtOptions, FLAT_NETWORK, type ReachOptions } from '../reach/reach-options.js'
import { type Reachability, serveReach, watchReachability } from '../reach/reachability.js'
import { fetchBlocks, fetchEntries, fetchFinalHeads, serveSync } from '../sync/exchange.js'
import { type AddressBook, dialable } from './address-book.js'
import { type Admission, createAdmission } from './admission.js'
import { currentRoundOf } from './current-round.js'
import { fetchDigests, serveDigests } from './digests.js'
import type { DirectProtocols } from './direct-protocols.js'
import { fetchGroupWords, serveGroupWords } from './group-words.js'
import type { Libp2pNode, Libp2pNodeInit } from './libp2p-node.js'
import { listenReason } from './listen-reason.js'
import { createNeighbourhood, type Neighbourhood } from './neighbourhood.js'
import type { LocalSource, NetworkHandlers, RunNetwork } from './network.js'
import type { OwnKeyWatch } from './own-key.js'
import { peerConnections } from './peer-connections.js'
import type { WireBytes } from './wire-bytes.js'

export interface Libp2pNetworkInit {
  /** 32-byte Ed25519 seed of the identity. */
  readonly seed: Uint8Array
  /** Pre-shared key of a private network, 32 bytes; default: none. */
  readonly networkKey?: Uint8Array | undefined
  readonly listen: readonly string[]
  readonly announce?: readonly string[]
  readonly bootstrap: readonly string[]
  readonly mdns: boolean
  /** For networks that are not flat; default: every node can dial every other one. */
  readonly reach?: ReachOptions | undefined
  /** A collector of libp2p's own metrics; default: none. */
  readonly libp2pMetrics?: Libp2pNodeInit['metrics']
}

export interface Libp2pNetworkComponents {
  readonly run: Run
  readonly signer: Signer
  /** Peer ids of the topology's neighbours. */
  readonly neighbours: readonly string[]
  /** Members that the node keeps connections with: its neighbours, and in a private run all whom it may share with. */
  readonly contacts: readonly string[]
  readonly local: LocalSource
  readonly bans: BanStore
  readonly membership: Membership
  readonly invitations: UsedInvitations
  /** Where members can be dialled; it outlives the network of one epoch. */
  readonly addressBook: AddressBook
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * `createLibp2pNode`, loaded only here since most commands start no node, with an error that explains which address
 * cannot be listened on and why.
 */
async function openLibp2pNode(init: Libp2pNodeInit): Promise<Libp2pNode> {
  const { createLibp2pNode } = await import('./libp2p-node.js')
  try {
    return await createLibp2pNode(init)
  } catch (error) {
    throw new NodeError(
      'E_LISTEN',
      `cannot listen on ${init.listen.join(', ')}: ${listenReason(error)}; change \`listen\``,
      { listen: init.listen },
      error,
    )
  }
}

/** Hole punching takes about as long; models go over the relay after that. */
const DIRECT_WAIT_MS = 5_000
/** How long `stop` waits for libp2p (js-libp2p#2625) before it continues without it. */
const STOP_MS = 3_000

function stopInTime(libp2p: Libp2pNode, clock: Clock, logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(STOP_MS, resolve)
    Promise.resolve(libp2p.stop())
      .catch((error) => logger.debug({ err: error }, 'libp2p did not stop cleanly'))
      .finally(() => {
        cancel()
        resolve()
      })
  })
}

interface RunningParts {
  readonly libp2p: Libp2pNode
  readonly direct: DirectProtocols
  readonly blobs: BlobClient
  readonly inbound: Inbound
  readonly admission: Admission
  readonly neighbourhood: Neighbourhood
  readonly ownKey: OwnKeyWatch
  readonly guard: NodeGuard
}

/** What a node asks of others over direct streams. */
function requestsOf(run: Run, started: () => RunningParts) {
  const { maxEntryBytes } = run.manifest.limits
  return {
    fetchModel: (peer, cid, into, signal, progress) =>
      started().blobs.fetch(peer, cid, into, signal, progress),
    pollStatus: (peer, fromRound, signal) =>
      started().admission.pollStatus(peerIdFromString(peer), fromRound, signal),
    fetchDigests: (peer, author, from, signal) => fetchDigests(started().direct, peer, author, from, signal),
    fetchEntries: (peer, from, signal, author) =>
      fetchEntries(started().direct, peer, from, maxEntryBytes, signal, author),
    fetchFinalHeads: (peer, signal) => fetchFinalHeads(started().direct, run, peer, signal),
    fetchBlocks: (peer, from, signal) => fetchBlocks(started().direct, run, peer, from, signal),
    fetchGroupWords(peer, round, signal) {
      const { direct, inbound } = started()
      return fetchGroupWords(direct, inbound, peer, round, signal)
    },
  } satisfies Partial<RunNetwork>
}

/** Serves what this node has to those that are admitted. */
async function serveState(
  direct: DirectProtocols,
  run: Run,
  local: LocalSource,
  isAdmitted: (peer: string) => boolean,
): Promise<void> {
  await serveBlobs(direct, { blob: local.blob, mayHave: blobGate(run, isAdmitted) })
  await serveDigests(direct, { digests: local.digests, isAdmitted })
  if (run.manifest.privacy !== undefined) await serveGroupWords(direct, { ...local, isAdmitted })
  await serveSync(direct, { ...local, isAdmitted })
}

/** The store of libp2p would keep each of the keys that strangers make up. */
function forgetStrangers(libp2p: Libp2pNode, isMember: (peer: string) => boolean): void {
  libp2p.addEventListener('peer:disconnect', ({ detail: peer }) => {
    if (!isMember(peer.toString())) void libp2p.peerStore.delete(peer).catch(() => undefined)
  })
}

/**
 * @param publishEvidence - for evidence that this node found itself
 * @param onBehind - others know changes of the run that this node does not
 */
function openInbound(
  { run, neighbours, local, membership }: Libp2pNetworkComponents,
  handlers: NetworkHandlers,
  publishEvidence: (evidence: Evidence) => void,
  onBehind: () => void,
): Inbound {
  return createInbound(
    run,
    neighbours,
    {
      ...handlers,
      evidence(evidence, found) {
        if (found) publishEvidence(evidence)
        handlers.evidence(evidence)
      },
    },
    () => currentRoundOf(local),
    local.evidence().map(({ offender }) => offender),
    undefined,
    isChangeable(run) ? { wasEverMember: membership.wasEverMember, onBehind } : undefined,
  )
}

interface SharedParts {
  readonly wireBytes: WireBytes
  isReachable(peer: string): boolean
  /** Aborts when the node stops. */
  readonly stopping: AbortSignal
}

/** Opens the parts of the network; nothing is served yet. Throws E_LISTEN, E_IO, E_STATE_CORRUPT. */
async function openParts(
  components: Libp2pNetworkComponents,
  init: Libp2pNetworkInit,
  { wireBytes, isReachable, stopping }: SharedParts,
  handlers: NetworkHandlers,
  publishEvidence: (evidence: Evidence) => void,
): Promise<RunningParts> {
  const { run, signer, contacts, local, bans, membership, addressBook, clock, logger } = components
  const { deadlines } = run.manifest
  const { createOwnKeyWatch, ownKeyText } = await import('./own-key.js')
  const ownKey = createOwnKeyWatch(clock, () =>
    handlers.refused(signer.peerId, 'E_KEY', ownKeyText(signer.peerId)),
  )
  const reach = init.reach ?? FLAT_NETWORK
  const knownRelays = createKnownRelays(reach.relays)
  const guard = await createNodeGuard({
    run,
    clock,
    logger,
    bans,
    isReachable,
    isRelay: knownRelays.isRelay,
    hangUp(peer) {
      // Not politely: a graceful close waits for the streams that the peer keeps open.
      const reason = new NodeError('E_REFUSED', 'it broke the protocol too often')
      for (const connection of libp2p.getConnections(peerIdFromString(peer))) connection.abort(reason)
    },
  })
  const libp2p = await openLibp2pNode({
    seed: init.seed,
    networkKey: init.networkKey,
    signer,
    listen: init.listen,
    announce: init.announce ?? [],
    mdns: init.mdns,
    reach,
    topics: runTopics(run.id),
    guard,
    clock,
    dialMs: deadlines.dialMs,
    wireBytes,
    metrics: init.libp2pMetrics,
    onOwnKey: ownKey.met,
  })
  forgetStrangers(libp2p, guard.isMember)
  const { createDirectProtocols } = await import('./direct-protocols.js')
  const direct = createDirectProtocols(
    libp2p,
    clock,
    deadlines,
    (protocol, peer, error) => logger.debug({ protocol, peer, code: errorCode(error) }, 'stream failed'),
    guard.streams,
    reach.holePunching ? DIRECT_WAIT_MS : 0,
  )
  const onRefused: NetworkHandlers['refused'] = (peer, code, message) => {
    if (guard.isMember(peer)) handlers.refused(peer, code, message)
    else guard.strangerRefused(peer, 'hello', code, message)
  }
  const updates = createChangeUpdates({ run, direct, membership, clock, logger, stopping })
  const inbound = openInbound(components, handlers, publishEvidence, () =>
    updates.behind(neighbourhood.admittedPeers()),
  )
  for (const address of init.bootstrap) {
    const peer = peerIn(address)
    if (peer !== undefined) addressBook.add(peer, [address], 'given')
  }
  const neighbourhood = createNeighbourhood({
    libp2p,
    clock,
    direct,
    logger,
    addressBook,
    self: signer.peerId,
    neighbours: contacts,
    members: run.manifest.members,
    bootstrap: init.bootstrap,
    relays: reach.relays,
    knownRelays,
    isMember: guard.isMember,
    deadlines,
    isReachable,
    introduce: (peer, signal) => admission.introduce(peer, signal),
    onUp(peer) {
      updates.from(peer)
      handlers.neighbourUp(peer)
    },
    onDown: handlers.neighbourDown,
  })
  const admission = createAdmission({
    run,
    self: signer.peerId,
    direct,
    inbound,
    local,
    addresses: () => libp2p.getMultiaddrs().map(String),
    onAdmitted: neighbourhood.admitted,
    onRefused,
    onFault: (peer, code) => guard.streams.fault(peer, STREAM_PROTOCOLS.status, code),
    onOwnHead: handlers.ownHead,
    isAdmitted: neighbourhood.isAdmitted,
    onUnknownHere: updates.tell,
  })
  return {
    ...{ libp2p, direct, inbound, admission, neighbourhood, ownKey, guard },
    blobs: createBlobClient(direct),
  }
}

/** The real network of a node: libp2p over TCP. Nothing is opened before `start`. */
export function createLibp2pNetwork(
  components: Libp2pNetworkComponents,
  init: Libp2pNetworkInit,
): RunNetwork {
  const { run, signer, local, membership, invitations, clock, logger } = components
  const topics = runTopics(run.id)
  const wireBytes: WireBytes = { received: 0, sent: 0 }
  let running: RunningParts | undefined
  let starting: Promise<void> | undefined
  let reachability: Reachability | undefined
  const stopping = new AbortController()
  const unreachable = new Set<string>()
  const isReachable = (peer: string): boolean => !unreachable.has(peer)
  const started = () => {
    if (running === undefined) throw new Error('the network is not started')
    return running
  }

  const open = async (handlers: NetworkHandlers): Promise<void> => {
    const shared = { wireBytes, isReachable, stopping: stopping.signal }
    if (stopping.signal.aborted) return
    running = await openParts(components, init, shared, handlers, ({ bytes }) =>
      publish(topics.evidence, bytes),
    )
    if (stopping.signal.aborted) return
    const { libp2p, direct, admission, neighbourhood, inbound, guard } = running
    await admission.start()
    await serveState(direct, run, local, neighbourhood.isAdmitted)
    const { joinTopics } = await import('./gossip.js')
    if (isChangeable(run)) {
      await serveChanges(direct, membership)
      await serveJoin({
        ...{ direct, membership, signer, clock, logger },
        used: invitations,
        addresses: () => libp2p.getMultiaddrs().map(String),
        firstRound: () => membership.round + NOTICE_ROUNDS,
      })
    }
    joinTopics({ libp2p, inbound, membership, guard, logger }, topics, {
      isChangeable: isChangeable(run),
      hasChain: run.manifest.chain !== undefined,
      isPrivate: run.manifest.privacy !== undefined,
    })
    await neighbourhood.start()
    const reachable = { libp2p, direct, clock, logger, isAdmitted: neighbourhood.isAdmitted }
    await serveReach(reachable)
    if (init.reach?.dht !== undefined) void searchDht(init.reach.dht, running)
    if (init.reach?.checkReachable) reachability = watchReachability(reachable, stopping.signal)
  }

  const searchDht = async (dht: DhtOptions, { libp2p, neighbourhood }: RunningParts): Promise<void> => {
    const { findByDht } = await import('../reach/dht-finder.js')
    const init = {
      ...{ dht, clock, self: signer.peerId, run: membership.base.id.toString() },
      logger: logger.child({ component: 'dht' }),
      addresses: () => libp2p.getMultiaddrs().map(String),
      missing: () => components.contacts.filter((peer) => !neighbourhood.isAdmitted(peer)),
      found: (peer: string, addresses: readonly string[]) =>
        components.addressBook.add(peer, dialable(addresses), { toldBy: 'dht' }),
    }
    await findByDht(init, stopping.signal)
  }

  const publish = async (topic: string, bytes: Uint8Array): Promise<void> => {
    try {
      await started().libp2p.services.pubsub.publish(topic, bytes)
    } catch (error) {
      // Neighbours that miss the message ask for it: see round/status-poller.ts.
      logger.debug({ topic, code: errorCode(error) }, `publish failed: ${(error as Error).message}`)
    }
  }

  return {
    peerId: signer.peerId,
    addresses: () => running?.libp2p.getMultiaddrs().map(String) ?? [],
    learnAddresses: (peer, addresses) => components.addressBook.add(peer, addresses, 'given'),
    setReachable(peer, reachable) {
      if (reachable) unreachable.delete(peer)
      else unreachable.add(peer)
      running?.neighbourhood.reachabilityChanged(peer)
    },
    start: (handlers) => {
      starting = open(handlers)
      return starting
    },
    announce: (message) => publish(topics.announcement, message.bytes),
    publishHead: (message) => publish(topics.head, message.bytes),
    publishEvidence(evidence) {
      started().inbound.quarantine(evidence.offender)
      return publish(topics.evidence, evidence.bytes)
    },
    publishChange: (bytes) => publish(topics.change, bytes),
    ...requestsOf(run, started),
    publishBlock: ({ bytes }) => publish(topics.block, bytes),
    publishChainMessage: ({ bytes }) => publish(topics.chainMessage, bytes),
    publishGroupWord: ({ bytes }) => publish(topics.groupWord, bytes),
    connections: () =>
      running === undefined ? [] : peerConnections(running.libp2p, running.neighbourhood.isAdmitted),
    reachability: () => reachability?.report(),
    wireBytes: () => ({ ...wireBytes }),
    guardReport: () => running?.guard.report(),
    async stop() {
      stopping.abort(new DOMException('the node stops', 'AbortError'))
      // What is still being opened would stay open, and keep the process.
      await starting?.catch(() => undefined)
      if (running === undefined) return
      const { libp2p, neighbourhood, ownKey, guard } = running
      neighbourhood.stop()
      ownKey.stop()
      guard.stop()
      await stopInTime(libp2p, clock, logger)
    },
  }
}
