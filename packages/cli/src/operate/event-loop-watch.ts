import { type Clock, systemClock } from '@tempered/node'

/** How late this process handles events: training has threads of its own, so the delay should be small. */
export interface EventLoopWatch {
  /** The longest delay of the last minute, in seconds. */
  longestSeconds(): number
  close(): void
}

const TICK_MS = 1_000
const REMEMBERED_MS = 60_000

/** Sets a timer every second, and notes how late it fires. */
export function watchEventLoop(clock: Clock = systemClock): EventLoopWatch {
  let delays: { readonly atMs: number; readonly delayMs: number }[] = []
  let dueMs = clock.monotonicMs() + TICK_MS
  const tick = (): void => {
    const atMs = clock.monotonicMs()
    delays = delays.filter((one) => one.atMs > atMs - REMEMBERED_MS)
    delays.push({ atMs, delayMs: atMs - dueMs })
    dueMs = atMs + TICK_MS
    cancel = clock.after(TICK_MS, tick)
  }
  let cancel = clock.after(TICK_MS, tick)
  return {
    longestSeconds() {
      // After a stall the question may be handled before the timer that is late.
      const pendingMs = clock.monotonicMs() - dueMs
      return Math.max(0, pendingMs, ...delays.map(({ delayMs }) => delayMs)) / 1000
    },
    close: () => cancel(),
  }
}

/** A process that stands still for longer than this does not keep its deadlines. */
export const MOST_STALL_SECONDS = 10

export function stallReasons(longestSeconds: number): string[] {
  return longestSeconds <= MOST_STALL_SECONDS
    ? []
    : [`the event loop stood still for ${longestSeconds.toFixed(1)} s: the machine is overloaded, or swaps`]
}
