import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { STREAM_PROTOCOLS } from '@tempered/protocol'
import { z } from 'zod'
import { type Clock, sleep } from '../clock.js'
import { errorCode, errorMessage, NodeError } from '../errors.js'
import { STREAMS_PER_PEER } from '../guard/budgets.js'
import type { Logger } from '../logger.js'
import { bestConnection, isIndirect } from '../transport/best-connection.js'
import type { DirectProtocols } from '../transport/direct-protocols.js'
import type { Libp2pNode } from '../transport/libp2p-node.js'
import { isRelayed, isWebSocket } from './addresses.js'

/**
 * Members dial one another back, as AutoNAT does, so that a node learns whether others reach it. AutoNAT of libp2p needs
 * answers from four networks and never dials private addresses; a run has few members, who know one another, and may be
 * on a network of their own.
 */
export interface Reachability {
  /** What members said last: whether they could dial this node. */
  report(): ReachReport
}

export interface ReachReport {
  readonly reachedBy: readonly string[]
  readonly notReachedBy: readonly string[]
}

export interface ReachabilityComponents {
  readonly libp2p: Libp2pNode
  readonly direct: DirectProtocols
  readonly clock: Clock
  readonly logger: Logger
  isAdmitted(peer: string): boolean
}

const MOST_PORTS = 4
/** A member dials at most so long for another. */
const DIAL_MS = 5_000
const FIRST_CHECK_MS = 5_000
const CHECK_EVERY_MS = 10 * 60_000
/** While nobody has answered yet. */
const RETRY_MS = 15_000
const MOST_ASKED = 5

const requestSchema = z.strictObject({
  ports: z.array(z.strictObject({ port: z.int().min(1).max(65_535), ws: z.boolean() })).max(MOST_PORTS),
})
const replySchema = z.strictObject({ reached: z.array(z.int()).max(MOST_PORTS) })
type Port = z.infer<typeof requestSchema>['ports'][number]

/** Dials admitted members back for them: at the address from which they come, and no other. */
export function serveReach({ libp2p, direct, clock, isAdmitted }: ReachabilityComponents): Promise<void> {
  return direct.serve(STREAM_PROTOCOLS.reach, STREAMS_PER_PEER.reach, async (stream, connection, signal) => {
    const peer = connection.remotePeer.toString()
    if (!isAdmitted(peer)) throw new NodeError('E_NOT_ADMITTED', `${peer} is not admitted`)
    const { ports } = requestSchema.parse(await stream.readFrame(signal))
    const reached: number[] = []
    for (const port of isIndirect(connection) ? [] : ports)
      if (await dialsBack(libp2p, clock, connection, port)) reached.push(port.port)
    await stream.writeFrame({ reached }, signal)
  })
}

async function dialsBack(
  libp2p: Libp2pNode,
  clock: Clock,
  { remoteAddr, remotePeer }: Connection,
  { port, ws }: Port,
): Promise<boolean> {
  const [host] = remoteAddr.getComponents()
  if (host === undefined || !/^ip[46]$/.test(host.name)) return false
  const address = multiaddr(`/${host.name}/${host.value}/tcp/${port}${ws ? '/ws' : ''}/p2p/${remotePeer}`)
  const limit = clock.deadline(DIAL_MS)
  try {
    const connection = await libp2p.dial(address, { signal: limit.signal, force: true })
    await connection.close()
    return true
  } catch {
    return false
  } finally {
    limit.clear()
  }
}

/** Asks admitted members at intervals until the signal aborts. */
export function watchReachability(
  { libp2p, direct, clock, logger, isAdmitted }: ReachabilityComponents,
  signal: AbortSignal,
): Reachability {
  const answers = new Map<string, boolean>()
  const ask = async (peer: string): Promise<void> => {
    const ports = portsOf(libp2p.getMultiaddrs().map(String))
    try {
      const reply = await direct.request(peerIdFromString(peer), STREAM_PROTOCOLS.reach, { ports }, signal)
      answers.set(peer, replySchema.parse(reply).reached.length > 0)
    } catch (error) {
      logger.debug({ peer, code: errorCode(error) }, `was not dialled back: ${errorMessage(error)}`)
    }
  }
  const watch = async (): Promise<void> => {
    await sleep(clock, FIRST_CHECK_MS, signal)
    while (!signal.aborted) {
      const peers = [...new Set(libp2p.getPeers().map(String))].filter(
        (peer) => isAdmitted(peer) && !isIndirect(bestConnection(libp2p, peerIdFromString(peer))),
      )
      for (const peer of peers.slice(0, MOST_ASKED)) await ask(peer)
      await sleep(clock, answers.size === 0 ? RETRY_MS : CHECK_EVERY_MS, signal)
    }
  }
  void watch().catch((error) => {
    if (!signal.aborted) logger.debug({ err: error }, 'reachability is not checked any more')
  })
  const who = (reached: boolean): string[] =>
    [...answers].filter(([, answer]) => answer === reached).map(([peer]) => peer)
  return { report: () => ({ reachedBy: who(true), notReachedBy: who(false) }) }
}

/** Ports of direct addresses. */
function portsOf(addresses: readonly string[]): Port[] {
  const ports = new Map<number, Port>()
  for (const address of addresses) {
    const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1])
    if (isRelayed(address) || !(port > 0)) continue
    ports.set(port, { port, ws: isWebSocket(address) })
  }
  return [...ports.values()].slice(0, MOST_PORTS)
}
