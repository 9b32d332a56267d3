import type { Clock } from '../clock.js'
import type { Pace } from './pace.js'
import type { Phase, TimerName } from './state.js'

/** The deadlines of a round: at most one timer of each name is armed at a time. */
export interface RoundTimers {
  /** Does nothing when the timer is already armed for this round; replaces it when it is armed for another. */
  arm(timer: TimerName, round: number): void
  disarm(timer: TimerName): void
  /** Milliseconds until an armed timer passes; undefined when it is not armed. */
  remainingMs(timer: TimerName): number | undefined
  /** Another phase begins. */
  enter(phase: Phase): void
  phaseTimes(): PhaseProgress
  stop(): void
}

/** Milliseconds. */
export interface PhaseProgress {
  readonly elapsedMs: number
  /** Until the node goes on without those it waits for; undefined while nothing limits the wait. */
  readonly remainingMs: number | undefined
}

/** The timer that limits a phase in which a node waits. */
const LIMITED_BY: Partial<Record<Phase, TimerName>> = {
  joining: 'join',
  collecting: 'collect',
  lingering: 'linger',
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
  let phase: Phase = 'idle'
  let phaseBegan = clock.monotonicMs()
  const remainingMs = (timer: TimerName): number | undefined => {
    const armed = timers.get(timer)
    return armed === undefined ? undefined : armed.dueMs - clock.monotonicMs()
  }
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
    remainingMs,
    enter(next) {
      phase = next
      phaseBegan = clock.monotonicMs()
    },
    phaseTimes() {
      const limit = LIMITED_BY[phase]
      return {
        elapsedMs: clock.monotonicMs() - phaseBegan,
        remainingMs: limit === undefined ? undefined : remainingMs(limit),
      }
    },
    stop() {
      for (const { cancel } of timers.values()) cancel()
      timers.clear()
    },
  }
}
