import type { ReportedRound } from '../events/reported-round.js'
import type { RunEvent } from '../events/run-event.js'

/** What only somebody who sees all honest models can say of a round. */
export type Observed = Extract<RunEvent, { type: 'observed' }>

/** What is known of a run, whether it was watched or read from its folder; all metrics are made of this. */
export interface RunRecord {
  readonly rule: string
  /** See `weighsAll` in filter-quality.ts. */
  readonly weighsAll: boolean
  /** Rounds that the manifest plans. */
  readonly rounds: number
  readonly nodes: readonly RecordedNode[]
  /** By node index. */
  readonly records: readonly NodeRecord[]
  readonly failed: readonly FailedNode[]
  /** Indices of nodes that a fault took away for good; null when nobody kept count of them. */
  readonly gone: readonly number[] | null
  /** The round, from 0, that a stop condition says the run is judged after; null where none ended it. */
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

/** A node's rounds as they were reported, with the launcher's time of each. */
export interface NodeRecord {
  readonly rounds: { readonly report: ReportedRound; readonly elapsedMs: number }[]
}

export interface FailedNode {
  readonly node: string
  readonly code: string
  readonly message: string
}

export function honestNodes(record: RunRecord): RecordedNode[] {
  return record.nodes.filter((node) => node.attack === null)
}

/** Says whether what a peer sent in a round is hostile: before and after its attack an attacker is as honest as others. */
export function byzantineOf(record: RunRecord): (peer: string, round: number) => boolean {
  const windows = new Map(record.nodes.map(({ peer, attackRounds }) => [peer, attackRounds]))
  return (peer, round) => {
    const window = windows.get(peer) ?? null
    return window !== null && round >= window[0] && round <= window[1]
  }
}
