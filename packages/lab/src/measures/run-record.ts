import type { ReportedRound } from '../events/reported-round.js'
import type { RunEvent } from '../events/run-event.js'
import type { TaskFacts } from './task-facts.js'

/** What only an observer of all honest models can measure in a round. */
export type Observed = Extract<RunEvent, { type: 'observed' }>

/** The data of a run, whether it was observed live or read from its folder. All metrics are computed from it. */
export interface RunRecord {
  readonly rule: string
  /** See `weighsAll` in filter-quality.ts. */
  readonly weighsAll: boolean
  /** Rounds that the manifest plans. */
  readonly rounds: number
  /** Undefined where the task is not known. */
  readonly taskFacts?: TaskFacts
  readonly nodes: readonly RecordedNode[]
  /** By node index. */
  readonly records: readonly NodeRecord[]
  readonly failed: readonly FailedNode[]
  /** Indices of nodes that a fault removed for good; null when they were not recorded. */
  readonly gone: readonly number[] | null
  /** The scored round, from 0, of a run that a stop condition ended; null where none did. */
  readonly stoppedAfter: number | null
  readonly observed: readonly Observed[]
  /** Resident memory of all processes together, null when it was not measured. */
  readonly residentBytes: number | null
}

export interface RecordedNode {
  /** Index in the topology. */
  readonly index: number
  readonly name: string
  readonly peer: string
  /** Name of the attack it mounts, null for an honest node. */
  readonly attack: string | null
  /** First and last round, from 0, in which it attacks; null for an honest node. */
  readonly attackRounds: readonly [number, number] | null
}

/** The reported rounds of a node, with the launcher's time of each. */
export interface NodeRecord {
  readonly rounds: { readonly report: ReportedRound; readonly elapsedMs: number }[]
}

export interface FailedNode {
  readonly node: string
  readonly code: string
  readonly message: string
  /** The round, from 0, in which its training diverged. */
  readonly round?: number
}

export function honestNodes(record: RunRecord): RecordedNode[] {
  return record.nodes.filter((node) => node.attack === null)
}

/**
 * Returns a function that says whether what a peer sent in a round is Byzantine. Before and after its attack, an
 * attacker is honest.
 */
export function byzantineOf(record: RunRecord): (peer: string, round: number) => boolean {
  const windows = new Map(record.nodes.map(({ peer, attackRounds }) => [peer, attackRounds]))
  return (peer, round) => {
    const window = windows.get(peer) ?? null
    return window !== null && round >= window[0] && round <= window[1]
  }
}
