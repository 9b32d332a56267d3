/** Something that happened during a run besides its rounds: a fault, a quarantine, a failure. */
export interface Incident {
  readonly elapsedMs: number
  /** What it was, in a word: the fault's name (`kill`, `heal` …), or the type of the event (`quarantine`, `failed` …). */
  readonly kind: string
  /** Round from 0 that was under way, or that it was planned for. */
  readonly round: number
  /** Nodes that it happened to, by index. */
  readonly nodes: readonly number[]
  /** What happened, in words. */
  readonly text: string
}
