import type { Clock } from '../clock.js'
import type { Pace } from './pace.js'
import type { TimerName } from './state.js'

/** The deadlines of a round: at most one timer of each name is armed at a time. */
export interface RoundTimers {
  /** Does nothing when the timer is already armed for this round; replaces it when it is armed for another. */
  arm(timer: TimerName, round: number): void
  disarm(timer: TimerName): void
  /** Milliseconds until an armed timer passes; undefined when it is not armed. */
  remainingMs(timer: TimerName): number | undefined
  stop(): void
}

export function createRoundTimers(
  clock: Clock,
  pace: Pick<Pace, 'delayMs'>,
  onTimeout: (timer: TimerName, round: number) => void,
): RoundTimers {
  const timers = new Map<
    TimerName,
    { readonly round: number; readonly dueMs: number; readonly cancel: () => void }
  >()
  return {
    arm(timer, round) {
      const armed = timers.get(timer)
      if (armed?.round === round) return
      armed?.cancel()
      const delayMs = pace.delayMs(timer)
      const cancel = clock.after(delayMs, () => {
        timers.delete(timer)
        onTimeout(timer, round)
      })
      timers.set(timer, { round, dueMs: clock.monotonicMs() + delayMs, cancel })
    },
    disarm(timer) {
      timers.get(timer)?.cancel()
      timers.delete(timer)
    },
    remainingMs(timer) {
      const armed = timers.get(timer)
      return armed === undefined ? undefined : armed.dueMs - clock.monotonicMs()
    },
    stop() {
      for (const { cancel } of timers.values()) cancel()
      timers.clear()
    },
  }
}
