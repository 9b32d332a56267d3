import type { Clock } from '../clock.js'
import type { NodeEvents } from '../node-events.js'
import type { RoundReport } from '../round/report.js'
import type { Notice } from '../round/state.js'
import type { NetworkHandlers } from '../transport/network.js'

/** What a node remembers of its own events for those who ask how it does; bounded, and never written to disk. */
export interface Activity {
  /** Wall clock at the creation of the node, ms since 1970. */
  readonly startedMs: number
  /** Milliseconds since then, which setting the clock does not change. */
  elapsedMs(): number
  readonly notices: readonly TimedNotice[]
  readonly refusals: readonly Refusal[]
  /** The newest round that was closed in this process. */
  readonly lastRound: RoundReport | undefined
  /** Whether the network has been opened. */
  readonly isListening: boolean
  /** Wall clock when a checked message of this neighbour came last, ms since 1970; undefined for none so far. */
  lastSeenMs(peer: string): number | undefined
  /** Whose messages are noted from now on. */
  follow(neighbours: readonly string[]): void
  /** The same events, noted on their way. */
  watchEvents(events: NodeEvents): NodeEvents
  /** The same handlers, noted on their way. */
  watchHandlers(handlers: NetworkHandlers): NetworkHandlers
}

export interface TimedNotice {
  readonly atMs: number
  readonly notice: Notice
}

/** A peer that would not admit this node, or was not admitted by it. */
export interface Refusal {
  readonly atMs: number
  readonly peer: string
  readonly code: string
  readonly message: string
}

const MOST_NOTICES = 32
const MOST_REFUSALS = 32

export function createActivity(clock: Clock): Activity {
  const startedMs = clock.wallMs()
  const beganMs = clock.monotonicMs()
  const notices: TimedNotice[] = []
  const refusals: Refusal[] = []
  let isNeighbour: ReadonlySet<string> = new Set()
  const seen = new Map<string, number>()
  let lastRound: RoundReport | undefined
  let isListening = false
  const see = (peer: string): void => {
    if (isNeighbour.has(peer)) seen.set(peer, clock.wallMs())
  }
  return {
    startedMs,
    elapsedMs: () => clock.monotonicMs() - beganMs,
    notices,
    refusals,
    follow(neighbours) {
      isNeighbour = new Set(neighbours)
      for (const peer of seen.keys()) if (!isNeighbour.has(peer)) seen.delete(peer)
    },
    get lastRound() {
      return lastRound
    },
    get isListening() {
      return isListening
    },
    lastSeenMs: (peer) => seen.get(peer),
    watchEvents: (events) => ({
      ...events,
      onListening(addresses) {
        isListening = true
        events.onListening?.(addresses)
      },
      onRound(report) {
        lastRound = report
        events.onRound?.(report)
      },
      onNotice(notice) {
        keep(notices, { atMs: clock.wallMs(), notice }, MOST_NOTICES)
        events.onNotice?.(notice)
      },
      onRefused(peer, code, message) {
        keep(refusals, { atMs: clock.wallMs(), peer, code, message }, MOST_REFUSALS)
        events.onRefused?.(peer, code, message)
      },
    }),
    watchHandlers: (handlers) => ({
      ...handlers,
      neighbourUp(peer) {
        see(peer)
        handlers.neighbourUp(peer)
      },
      announcement(message) {
        see(message.body.author)
        handlers.announcement(message)
      },
      head(message) {
        see(message.head.body.author)
        handlers.head(message)
      },
    }),
  }
}

function keep<T>(list: T[], item: T, most: number): void {
  list.push(item)
  if (list.length > most) list.shift()
}
