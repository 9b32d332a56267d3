import { type Clock, deadlineOf } from '../../src/clock.js'

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves time on and calls back everything that falls due, in order of time, then of creation. */
  advance(ms: number): void
  /** Timers that have neither fired nor been cancelled. */
  readonly pending: number
}

export function createManualClock(startMs = 0): ManualClock {
  let nowMs = startMs
  let created = 0
  const timers = new Map<number, { dueMs: number; callback: () => void }>()
  const after: Clock['after'] = (delayMs, callback) => {
    created += 1
    const id = created
    timers.set(id, { dueMs: nowMs + delayMs, callback })
    return () => timers.delete(id)
  }
  return {
    wallMs: () => 1_700_000_000_000 + nowMs,
    monotonicMs: () => nowMs,
    after,
    deadline: (delayMs, parent) => deadlineOf(after, delayMs, parent),
    advance(ms) {
      const endMs = nowMs + ms
      for (;;) {
        const due = [...timers].filter(([, timer]) => timer.dueMs <= endMs)
        if (due.length === 0) break
        const [id, timer] = due.reduce((a, b) => (b[1].dueMs < a[1].dueMs ? b : a))
        timers.delete(id)
        nowMs = Math.max(nowMs, timer.dueMs)
        timer.callback()
      }
      nowMs = endMs
    },
    get pending() {
      return timers.size
    },
  }
}

/** Lets everything that is only waiting for promises run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
