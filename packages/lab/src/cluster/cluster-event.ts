import type { FaultAction } from '../faults/fault-timeline.js'
import type { FromHost } from './worker-messages.js'

/** What happens in a running cluster, in order. */
export type ClusterEvent =
  | Exclude<FromHost, { type: 'published' | 'listening' }>
  | HostGone
  | Observed
  | FaultHappened
  | Stopped

/** What only somebody who sees all honest models can say of a round. */
export interface Observed {
  readonly type: 'observed'
  readonly round: number
  /** Mean squared L2 distance of the honest nodes' aggregates to their mean; null when some were not to be had. */
  readonly consensusDistance: number | null
  /** Share in [0, 1] of triggered test images told as the backdoor's target, by index of the honest node; empty without a backdoor. */
  readonly attackSuccess: Readonly<Record<number, number>>
}

interface HostGone {
  readonly type: 'host-gone'
  readonly pid: number | undefined
  readonly exitCode: number | null
  readonly signal: string | null
  /** Names of the nodes that went with it. */
  readonly nodes: readonly string[]
}

/** A fault of the scenario is being carried out; or the run ended before it was due. */
export interface FaultHappened {
  readonly type: 'fault' | 'fault-skipped'
  readonly action: FaultAction
}

/** A stop condition of the scenario holds: the run ends before its last round. */
export interface Stopped {
  readonly type: 'stopped'
  readonly why: 'target-accuracy' | 'seconds'
  /** The last round that all honest nodes have finished and were evaluated in, from 0; null for none. */
  readonly lastRound: number | null
}
