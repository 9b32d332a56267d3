/** Something that happened during a run besides its rounds: a fault, a quarantine, a failure. */
export interface Incident {
  readonly elapsedMs: number
  /** Kind of incident: the fault's name (`kill`, `heal` …), or the type of the event (`quarantine`, `failed` …). */
  readonly kind: string
  /** Round, from 0, that was in progress, or for which it was planned. */
  readonly round: number
  /** Indices of the affected nodes. */
  readonly nodes: readonly number[]
  /** What happened, in words. */
  readonly text: string
}
