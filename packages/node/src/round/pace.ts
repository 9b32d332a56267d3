import type { Clock } from '../clock.js'
import type { TimerName } from './state.js'

/**
 * How long rounds take when nobody holds them up, and the deadlines that follow. Waiting itself is not measured, so a
 * peer that costs time cannot stretch the deadlines that limit it.
 */
export interface Pace {
  /** The node's model of a round is announced. */
  published(): void
  /** A round closes; `latenessMs` of the neighbours' models that arrived, counted from the node's own announcement. */
  closed(latenessMs: readonly number[]): void
  /** Milliseconds until a timer of this name passes. */
  delayMs(timer: TimerName): number
}

export interface PaceDeadlines {
  readonly joinMs: number
  readonly collectMs: number
}

/** Rounds that are remembered. */
const REMEMBERED = 8
/** Added to measured times, for machines that pause. */
const MARGIN_MS = 1_000
/** The part of a round that may be spent on neighbours that are not waited for, but follow. */
const GRACE_SHARE = 1 / 8

export function createPace(clock: Clock, deadlines: PaceDeadlines): Pace {
  /** Milliseconds of own work: from the close of a round to the next announcement. */
  const work: number[] = []
  /** Milliseconds until the last of the neighbours' models had arrived. */
  const lateness: number[] = []
  let closedMs: number | undefined
  const remember = (values: number[], value: number): void => {
    values.push(value)
    if (values.length > REMEMBERED) values.shift()
  }
  return {
    published() {
      if (closedMs !== undefined) remember(work, clock.monotonicMs() - closedMs)
      closedMs = undefined
    },
    closed(latenessMs) {
      closedMs = clock.monotonicMs()
      if (latenessMs.length > 0) remember(lateness, Math.max(...latenessMs))
    },
    delayMs(timer) {
      switch (timer) {
        case 'join':
          return deadlines.joinMs
        case 'collect':
        case 'linger':
          return deadlines.collectMs
        case 'patience':
          if (work.length === 0) return deadlines.collectMs
          return Math.min(deadlines.collectMs, Math.max(...work) + 2 * Math.max(0, ...lateness) + MARGIN_MS)
        case 'grace':
          return Math.min(deadlines.collectMs, (median(work) + median(lateness)) * GRACE_SHARE)
      }
    },
  }
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
