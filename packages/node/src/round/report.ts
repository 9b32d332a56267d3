import type { Contribution, NeighbourRecord, PrivacyRecord } from '@tempered/protocol'
import type { PrivateReport } from '../private/private-report.js'

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
  /** As in the entry, of runs that score it. */
  readonly contribution?: Contribution
  /** What the private round has shown, in private runs. */
  readonly privacy?: PrivateReport
  /** As in the entry, of runs with differential privacy. */
  readonly differentialPrivacy?: PrivacyRecord
  /** CIDs of the announced model, the aggregate and the ledger entry. */
  readonly modelCid: string
  readonly aggregateCid: string
  readonly entryCid: string
  /** Bytes on the wire since the last report. */
  readonly bytesReceived: number
  readonly bytesSent: number
  /** In a run with a common chain. */
  readonly chain?: ChainCosts
  /** Milliseconds by phase. */
  readonly phaseMs: PhaseTimes
}

/** What the common chain cost this node since the last report, unless it says otherwise. */
export interface ChainCosts {
  /** Milliseconds from its offer to the block with which it went on; null if it went on with a later round's. */
  readonly agreeMs: number | null
  /** Milliseconds from its offer until the block of that round was final, mean over blocks that became final; null for none. */
  readonly finalMs: number | null
  /** Blocks since the start of the run that are not part of its chain. */
  readonly wasted: number
  /** Hashes that it tried. */
  readonly hashes: number
  /** Peer ids of the authors of blocks that became final, in the order of the chain. */
  readonly authors: readonly string[]
}

export interface PhaseTimes {
  readonly train: number
  /** Sharing the model with the group; only in private runs. */
  readonly share?: number
  readonly publish: number
  readonly collect: number
  readonly aggregate: number
  readonly evaluate: number
  readonly ledger: number
}

/** A model on which a node has a verdict, or none because it did not arrive. */
export interface JudgedModel {
  readonly peer: string
  readonly arrived: boolean
  readonly accepted: boolean
  readonly weight: number
}

/**
 * Whose models a round has judged: those of the neighbours, and in a private run those of the other members of the group,
 * whose sums are all the same.
 */
export function judgedModels({
  neighbours,
  privacy,
}: Pick<RoundReport, 'privacy'> & {
  readonly neighbours: readonly Pick<NeighbourRecord, 'peer' | 'arrival' | 'accepted' | 'weight'>[]
}): readonly JudgedModel[] {
  if (privacy === undefined)
    return neighbours.map(({ peer, arrival, accepted, weight }) => ({
      ...{ peer, accepted, weight },
      arrived: arrival !== null,
    }))
  return privacy.members.flatMap(({ peer, isSelf, isShared, accepted, weight }) =>
    isSelf ? [] : [{ peer, accepted, weight, arrived: isShared }],
  )
}

export type PhaseName = keyof PhaseTimes
