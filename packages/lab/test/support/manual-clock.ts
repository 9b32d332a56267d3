import type { Clock } from '@tempered/node'

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves time on, calls back what falls due, and lets promises that waited for it run. */
  advance(ms: number): Promise<void>
}

export function createManualClock(): ManualClock {
  let nowMs = 0
  const timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>()
  return {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    after(delayMs, callback) {
      const timer = { dueMs: nowMs + delayMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    deadline: () => ({ signal: new AbortController().signal, clear: () => undefined }),
    async advance(ms) {
      nowMs += ms
      for (const timer of [...timers].filter(({ dueMs }) => dueMs <= nowMs)) {
        timers.delete(timer)
        timer.callback()
      }
      for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
    },
  }
}
