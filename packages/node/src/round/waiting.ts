import { counted } from '@tempered/errors'
import type { Clock } from '../clock.js'
import { silentNeighbours } from './silent-neighbours.js'
import type { RoundState, TimerName } from './state.js'

/** Whom a node waits for, and how long at most. */
export interface Waiting {
  /** Neighbours that are not connected; only before the first round. */
  readonly missing: readonly string[]
  /** Neighbours that are connected and owe a model, or at the end their last entry. */
  readonly silent: readonly string[]
  /** Rounds that the node has done. */
  readonly done: number
  /** Milliseconds until the node goes on without them; undefined while it waits without a limit. */
  readonly remainingMs: number | undefined
}

/** What a node waits for in a phase in which it waits; undefined in the others, or when nobody is owed anything. */
export function waitingOf(
  state: RoundState,
  remainingMs: (timer: TimerName) => number | undefined,
): Waiting | undefined {
  const { phase } = state
  if (phase !== 'joining' && phase !== 'collecting' && phase !== 'lingering') return undefined
  const missing =
    phase === 'joining'
      ? [...state.neighbours]
          .filter(([, { live, quarantined }]) => !live && !quarantined)
          .map(([peer]) => peer)
      : []
  const silent = phase === 'joining' ? [] : silentNeighbours(state)
  const timer = phase === 'joining' ? 'join' : phase === 'collecting' ? 'collect' : 'linger'
  if (missing.length === 0 && silent.length === 0) return undefined
  return { missing, silent, done: state.round, remainingMs: remainingMs(timer) }
}

/** Reports what a node waits for while it waits: after `FIRST_MS`, then every `EVERY_MS`. */
export interface WaitingReporter {
  /** A phase begins. */
  begin(): void
  stop(): void
}

const FIRST_MS = 5_000
const EVERY_MS = 10_000

export function createWaitingReporter(
  clock: Clock,
  current: () => Waiting | undefined,
  report: (waiting: Waiting) => void,
): WaitingReporter {
  let cancel: (() => void) | undefined
  const stop = (): void => {
    cancel?.()
    cancel = undefined
  }
  const look = (): void => {
    const waiting = current()
    if (waiting !== undefined) report(waiting)
    cancel = clock.after(EVERY_MS, look)
  }
  return {
    begin() {
      stop()
      cancel = clock.after(FIRST_MS, look)
    },
    stop,
  }
}

/**
 * `waiting for 2 neighbours: …Ab12Cd34 (not connected), …; goes on without them in 48 s at most`. `refusalOf`: the code
 * with which a peer refused this node, or this node the peer.
 */
export function waitingText(
  { missing, silent, done, remainingMs }: Waiting,
  refusalOf: (peer: string) => string | undefined = () => undefined,
): string {
  const count = missing.length + silent.length
  const names = [
    ...missing.map((peer) => {
      const code = refusalOf(peer)
      return `…${peer.slice(-8)} (${code === undefined ? 'not connected' : `not admitted: ${code}`})`
    }),
    ...silent.map((peer) => `…${peer.slice(-8)} (has sent nothing)`),
  ]
  const limit =
    remainingMs === undefined
      ? done === 0
        ? 'the first round begins when one of them is here'
        : `round ${done + 1} begins when one of them is here; if they have ended, start them again with --stay, and this node goes on from their models`
      : `goes on without ${count === 1 ? 'it' : 'them'} in ${Math.max(0, Math.round(remainingMs / 1000))} s at most`
  return `waiting for ${counted(count, 'neighbour')}: ${names.join(', ')}; ${limit}`
}
