import type { Clock } from '../clock.js'
import type { PhaseName, PhaseTimes } from './report.js'

/** Adds up the time of each phase of a round. */
export interface PhaseTimer {
  /** Ends the running phase, if any, and begins another one of this round. */
  begin(phase: PhaseName, round: number): void
  /** Ends the running phase and returns the round's times in milliseconds; the next round begins at zero. */
  end(): PhaseTimes
}

const zero = (): { -readonly [phase in keyof PhaseTimes]: PhaseTimes[phase] } => ({
  train: 0,
  publish: 0,
  collect: 0,
  aggregate: 0,
  evaluate: 0,
  ledger: 0,
})

/** @param onPhase - a phase of a round begins, and the one before ends; null when only the latter happens */
export function createPhaseTimer(
  clock: Clock,
  onPhase?: (round: number, phase: PhaseName | null) => void,
): PhaseTimer {
  let times = zero()
  let running: { phase: PhaseName; since: number; round: number } | undefined
  const close = (): void => {
    if (running !== undefined)
      times[running.phase] = (times[running.phase] ?? 0) + clock.monotonicMs() - running.since
    running = undefined
  }
  return {
    begin(phase, round) {
      close()
      running = { phase, round, since: clock.monotonicMs() }
      onPhase?.(round, phase)
    },
    end() {
      if (running !== undefined) onPhase?.(running.round, null)
      close()
      const finished = times
      times = zero()
      return finished
    },
  }
}
