import type { NeighbourRecord } from '@tempered/protocol'

/** One finished round of one node: the ledger entry and the measurements around it. */
export interface RoundReport {
  /** 0-based. */
  readonly round: number
  readonly trainingLoss: number | null
  readonly testLoss: number | null
  /** In [0, 1]. */
  readonly testMetric: number | null
  /** One per neighbour, in member order. */
  readonly neighbours: readonly NeighbourRecord[]
  /** Pre-aggregators that did not fit the models of this round and left them as they were; absent without any. */
  readonly unfit?: readonly string[]
  /** CIDs of the announced model, the aggregate and the ledger entry. */
  readonly modelCid: string
  readonly aggregateCid: string
  readonly entryCid: string
  /** Bytes on the wire since the last report. */
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Milliseconds by phase. */
  readonly phaseMs: PhaseTimes
}

export interface PhaseTimes {
  readonly train: number
  readonly publish: number
  readonly collect: number
  readonly aggregate: number
  readonly evaluate: number
  readonly ledger: number
}

export type PhaseName = keyof PhaseTimes
