import type { Notice } from '@tempered/node'
import type { EvidenceKind } from '@tempered/protocol'
import type { FaultAction } from '../faults/fault-timeline.js'
import type { ReportedRound } from './reported-round.js'

/** What happens during a run, in order. */
export type RunEvent = NodeEvent | NodeStep | WorkerGone | Observed | FaultHappened | Stopped

/** What the process of one or more nodes reports. */
export type NodeEvent =
  | { readonly type: 'ready'; readonly backend: string; readonly notice: string }
  | { readonly type: 'round'; readonly index: number; readonly report: ReportedRound }
  | {
      readonly type: 'quarantine'
      readonly index: number
      readonly peer: string
      readonly round: number
      /** What the evidence shows. */
      readonly kind: EvidenceKind
    }
  /** The rounds of a node do not go as usual. */
  | { readonly type: 'notice'; readonly index: number; readonly notice: Notice }
  /** The process that trains for a node takes long to start, or has failed and is started again. */
  | { readonly type: 'trainer'; readonly index: number; readonly message: string }
  | { readonly type: 'done'; readonly index: number }
  | {
      readonly type: 'failed'
      readonly index: number
      readonly code: string
      readonly message: string
      /** The round, from 0, that it could not complete, where its error names one. */
      readonly round?: number
    }
  /** Bytes of memory that the process holds (resident set), after its last node is done. */
  | { readonly type: 'memory'; readonly residentBytes: number }

/** How far a node is before its first round ends: its network is open, or its first model is trained. */
export interface NodeStep {
  readonly type: 'step'
  readonly index: number
  readonly step: 'started' | 'trained'
}

/** What only an observer of all honest models can measure in a round. */
export interface Observed {
  readonly type: 'observed'
  readonly round: number
  /** Mean squared L2 distance of the honest nodes' aggregates to their mean; null when some were not available. */
  readonly consensusDistance: number | null
  /**
   * Share in [0, 1] of triggered test images classified as the backdoor's target, by index of the honest node; empty
   * without a backdoor.
   */
  readonly attackSuccess: Readonly<Record<number, number>>
}

interface WorkerGone {
  readonly type: 'host-gone'
  readonly pid: number | undefined
  readonly exitCode: number | null
  readonly signal: string | null
  /** Names of the nodes that ran in it. */
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
  readonly why: 'target' | 'seconds'
  /** The last round that all honest nodes have finished and were evaluated in, from 0; null for none. */
  readonly lastRound: number | null
}
