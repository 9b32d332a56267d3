/**
 * Learning rate as a function of the round, in + − × ÷ alone (no Math.pow, no Math.cos), so every machine gets
 * the same bits.
 */

import { TrainError } from './train-error.js'

export type LearningRateSchedule =
  /** rate */
  | { kind: 'constant'; rate: number }
  /** rate / (1 + decay·round), decay ≥ 0 */
  | { kind: 'inverse-time'; rate: number; decay: number }
  /** rate · factor^⌊round/every⌋, factor in (0, 1], every ≥ 1 rounds */
  | { kind: 'step'; rate: number; factor: number; every: number }
  /** lowest + (rate − lowest)·(1 + cos(π·round/rounds))/2, held at `lowest` (default 0) from `rounds` on */
  | { kind: 'cosine'; rate: number; rounds: number; lowest?: number }

/** cos(π·t) for t in [0, 1]: its Taylor series on [0, ½], mirrored; error below 1e-15. */
function cosinePi(t: number): number {
  if (t > 0.5) return -cosinePi(1 - t)
  const x = Math.PI * t
  const x2 = x * x
  let sum = 1
  for (let k = 24; k >= 2; k -= 2) sum = 1 - (sum * x2) / (k * (k - 1))
  return sum
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new TrainError('E_SCHEDULE', `learning rate: ${message}`)
}

/** Throws TrainError E_SCHEDULE when a number is out of its range. */
export function checkSchedule(schedule: LearningRateSchedule): void {
  check(Number.isFinite(schedule.rate) && schedule.rate > 0, `rate must be above 0, got ${schedule.rate}`)
  switch (schedule.kind) {
    case 'constant':
      return
    case 'inverse-time':
      check(
        Number.isFinite(schedule.decay) && schedule.decay >= 0,
        `decay must be 0 or more, got ${schedule.decay}`,
      )
      return
    case 'step':
      check(schedule.factor > 0 && schedule.factor <= 1, `factor must be in (0, 1], got ${schedule.factor}`)
      check(
        Number.isInteger(schedule.every) && schedule.every >= 1,
        `every must be an integer ≥ 1, got ${schedule.every}`,
      )
      return
    case 'cosine': {
      const lowest = schedule.lowest ?? 0
      check(Number.isInteger(schedule.rounds) && schedule.rounds >= 1, `rounds must be an integer ≥ 1`)
      check(lowest >= 0 && lowest <= schedule.rate, `lowest must be in [0, rate], got ${lowest}`)
      return
    }
  }
}

/** Learning rate of `round`, an integer ≥ 0. Throws TrainError E_SCHEDULE. */
export function learningRateAt(schedule: LearningRateSchedule, round: number): number {
  checkSchedule(schedule)
  check(Number.isInteger(round) && round >= 0, `round must be an integer ≥ 0, got ${round}`)
  switch (schedule.kind) {
    case 'constant':
      return schedule.rate
    case 'inverse-time':
      return schedule.rate / (1 + schedule.decay * round)
    case 'step': {
      let rate = schedule.rate
      const drops = Math.floor(round / schedule.every)
      for (let k = 0; k < drops; k++) {
        const next = rate * schedule.factor
        // From here on nothing changes: the factor is 1, or the rate has reached 0 or the smallest positive number.
        if (next === rate) break
        rate = next
      }
      return rate
    }
    case 'cosine': {
      const lowest = schedule.lowest ?? 0
      if (round >= schedule.rounds) return lowest
      return lowest + ((schedule.rate - lowest) * (1 + cosinePi(round / schedule.rounds))) / 2
    }
  }
}
