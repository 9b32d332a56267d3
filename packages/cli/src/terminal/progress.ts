import type { RunEvent } from '@tempered/lab/events'
import type { RecordedRun } from '@tempered/lab/run'

/**
 * Live progress of one or more cluster runs, on stderr: a table when stdout and stderr are a terminal, otherwise one
 * line per round.
 */
export interface Progress {
  /** Runs, in display order. */
  watch(...runs: readonly RecordedRun[]): void
  /** To be called for every event of a run; `about` identifies the run where its rule does not. */
  event(run: RecordedRun, event: RunEvent, elapsedMs: number, about?: string): void
  /** A line that stays. */
  note(text: string): void
  /** Leaves the last table on the screen. */
  close(): void
}
