import { counted } from '@tempered/errors'
import type { Run } from '@tempered/protocol'
import { type Clock, sleep } from '../clock.js'
import type { Logger } from '../logger.js'
import type { StreamGuard } from '../transport/direct-protocols.js'
import { type Ban, type BanStore, createBans } from './bans.js'
import { type Budgets, budgetsOf, type GossipTopic } from './budgets.js'
import { type ConnectionCode, type ConnectionGuard, createConnectionGuard } from './connection-guard.js'
import { createQuietLog } from './quiet-log.js'
import { createRateLimiter } from './rate-limiter.js'
import { createRejects, type Reject } from './rejects.js'
import { createUnreadBytes } from './unread-bytes.js'

/** All that keeps strangers and single members from taking more of a node than their share. */
export interface NodeGuard {
  readonly budgets: Budgets
  readonly connections: ConnectionGuard
  readonly streams: StreamGuard
  isMember(peer: string): boolean
  /** Whether an author may publish one more message on a topic now. */
  mayPublish(topic: GossipTopic, author: string): boolean
  /** A message was dropped. `culprit`: the connected peer that is to blame, if one is. */
  dropped(topic: GossipTopic, code: string, message: string, culprit: string | undefined): void
  /** Where the budgets stand. */
  report(): GuardReport
  /** A stranger was turned away. */
  strangerRefused(peer: string, kind: string, code: string, message: string): void
  stop(): void
}

export interface GuardReport {
  readonly rejects: readonly Reject[]
  readonly bans: readonly Ban[]
  /** Connections whose handshake is not over. */
  readonly halfOpen: number
  /** Connections with strangers. */
  readonly strangers: number
  /** Bytes that have come in and that nobody has read yet. */
  readonly unreadBytes: number
}

export interface NodeGuardInit {
  readonly run: Run
  readonly clock: Clock
  readonly logger: Logger
  readonly bans: BanStore
  /** Whether connections with a peer are wanted at this moment. */
  isReachable(peer: string): boolean
  /** Whether this node uses a peer as a relay; default: there are none. */
  isRelay?(peer: string): boolean
  /** Closes the connections with a peer. */
  hangUp(peer: string): void
}

/** Throws E_IO and E_STATE_CORRUPT when the stored bans cannot be read. */
export async function createNodeGuard(init: NodeGuardInit): Promise<NodeGuard> {
  const { run, clock, logger } = init
  const budgets = budgetsOf(run)
  const isMember = (peer: string): boolean => run.memberIndex.has(peer)
  const rejects = createRejects()
  const log = createQuietLog(logger, clock)

  const bans = await createBans({
    budgets: budgets.penalties,
    clock,
    store: init.bans,
    logger,
    onBan({ peer, code, until, times }) {
      rejects.count('peer', 'E_BANNED')
      const seconds = Math.round((until - clock.wallMs()) / 1000)
      logger.warn(
        { peer, code },
        `${peer} has broken the protocol too often (${code}) and is kept away for ${counted(seconds, 'second')}, ` +
          `for the ${ordinal(times)} time; is it of the same version?`,
      )
      init.hangUp(peer)
    },
  })
  const fault = (peer: string, code: string): void => {
    // Keys of strangers cost nothing: they are held to their places instead.
    if (isMember(peer)) bans.fault(peer, code)
  }

  const connections = createConnectionGuard({
    budgets: budgets.connections,
    relay: budgets.relay,
    clock,
    isMember,
    isRelay: (peer) => init.isRelay?.(peer) ?? false,
    isAllowed: (peer) => init.isReachable(peer) && !bans.isBanned(peer),
    onClosed(code, address, peer) {
      rejects.count('connection', code)
      log.warn(code, { address, ...(peer === undefined ? {} : { peer }) }, closedText(code, address, budgets))
    },
    onRelayRefused(code, peer) {
      rejects.count('relay', code)
      const { burst } = budgets.relay.circuits
      log.warn(code, { peer }, `passed no connection on for ${peer}: it opened more than ${burst} in a row`)
    },
  })

  const { streams } = budgets
  const unread = createUnreadBytes(streams, isMember)
  const requests = createRateLimiter(clock, streams.requests)
  const answers = createRateLimiter(clock, streams.answers)
  /** Undefined where nothing is to be waited for, so that an ordinary answer costs no turn of the event loop. */
  const owed = (kind: 'request' | 'answer', waitMs: number, signal: AbortSignal) => {
    if (waitMs === 0) return undefined
    rejects.count(kind, 'E_RATE')
    return waited(clock, waitMs, signal)
  }
  const messages = new Map(
    Object.entries(budgets.gossip.messages).map(([topic, rate]) => [topic, createRateLimiter(clock, rate)]),
  )

  return {
    budgets,
    connections,
    isMember,
    streams: {
      unreadPerStream: streams.unreadPerStream,
      unreadOf: unread.of,
      turn: (peer, signal) => owed('request', requests.borrow(peer), signal),
      answer: (peer, byteLength, signal) => owed('answer', answers.borrow(peer, byteLength), signal),
      fault(peer, protocol, code) {
        rejects.count(protocol, code)
        fault(peer, code)
      },
    },
    mayPublish: (topic, author) => messages.get(topic)!.take(author),
    dropped(topic, code, message, culprit) {
      rejects.count(topic, code)
      if (culprit === undefined) return
      log.warn(code, { peer: culprit, topic }, message)
      fault(culprit, code)
    },
    report: () => ({
      rejects: rejects.list(),
      bans: bans.list(),
      halfOpen: connections.counts.halfOpen,
      strangers: connections.counts.strangers,
      unreadBytes: unread.total,
    }),
    strangerRefused(peer, kind, code, message) {
      rejects.count(kind, code)
      log.warn(code, { peer }, message)
    },
    stop() {
      connections.stop()
      log.stop()
    },
  }
}

/** Rejects with the signal's reason when that aborts first. */
async function waited(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
  await sleep(clock, waitMs, signal)
  signal.throwIfAborted()
}

function closedText(code: ConnectionCode, address: string, { connections }: Budgets): string {
  switch (code) {
    case 'E_CONNECTION_RATE':
      return `refused a connection from ${address}, which opened more than ${connections.arrivals.perSecond} per second`
    case 'E_HALF_OPEN':
      return `closed the oldest connection from ${address} that had not finished its handshake: over ${connections.halfOpen} such connections`
    case 'E_STRANGERS':
      return `closed the oldest connection of a stranger from ${address}: over ${connections.strangers} of them; members have places of their own`
    case 'E_STRANGER_TIME':
      return `closed the connection of a stranger from ${address} after ${connections.strangerMs / 1000} s`
    case 'E_STRANGER_BYTES':
      return `closed a connection from ${address}, whose peer sent over ${connections.strangerBytes} bytes before it had proven to be a member`
    case 'E_CONNECTIONS':
      return `closed the oldest connection with a member at ${address}: over ${connections.perMember} with it`
  }
}

function ordinal(count: number): string {
  const suffix = { 1: 'st', 2: 'nd', 3: 'rd' }[count] ?? 'th'
  return `${count}${suffix}`
}
