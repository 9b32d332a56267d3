import type { RunEvent } from '@tempered/lab/events'
import type { RecordedRun } from '@tempered/lab/run'

/**
 * Live progress of one or more cluster runs, on stderr: a table when people look on (stdout and stderr are a
 * terminal), otherwise one line per round.
 */
export interface Progress {
  /** Runs in the order in which they are to be shown. */
  watch(...runs: readonly RecordedRun[]): void
  /** To be called for every event of a run; `about` says which one it is, where its rule does not. */
  event(run: RecordedRun, event: RunEvent, elapsedMs: number, about?: string): void
  /** A line that stays. */
  note(text: string): void
  /** Leaves the last table standing. */
  close(): void
}
