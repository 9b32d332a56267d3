import type { Metric } from '@tempered/train'
import type { ContributionScore } from './contribution-score.js'
import type { HighLossNode } from './divergence.js'
import type { FilterQuality } from './filter-quality.js'
import type { IsolatedNode } from './isolation.js'
import type { CustomMeasure } from './measure-info.js'
import type { FailedNode } from './run-record.js'
import type { UnfitStep } from './unfit-steps.js'

/** The score of a run over its honest nodes. Shares are in [0, 1]; null where there was nothing to measure. */
export interface RunScore extends FilterQuality {
  readonly rule: string
  readonly honestNodes: number
  /** Honest nodes that completed the last round: the planned one, or the one after which a stop condition held. */
  readonly finishedHonest: number
  /** Honest nodes that did not complete it, although no fault removed them and they did not fail. */
  readonly unfinished: readonly string[]
  /** Round (from 0) after which the metric, consensus distance and attack success were taken; null when no round counts. */
  readonly scoredRound: number | null
  /** Rounds that the manifest plans. */
  readonly plannedRounds: number
  /** The task's first metric, on test samples; `worst` and `best` follow its direction. */
  readonly metric: Metric
  /** Its value after the scored round. */
  readonly worst: NodeMetric | null
  readonly mean: number | null
  readonly best: NodeMetric | null
  /** Standard deviation of the honest nodes' values after the scored round. */
  readonly spread: number | null
  /** Attack success rate of a backdoor at the honest node where it is highest. */
  readonly asr: number | null
  /** Mean squared L2 distance of the honest models to their mean. */
  readonly consensusDistance: number | null
  /** Bytes that a node received and sent per round, mean over all nodes and rounds. */
  readonly bytesPerNodeRound: number | null
  /** Wall-clock seconds per round, from the first model of the run to the last entry. */
  readonly secondsPerRound: number | null
  /** What the common chain of the run costs; absent without one. */
  readonly chain?: ChainScore
  /** What members contributed; absent in runs that score nothing. */
  readonly contribution?: ContributionScore
  /** Largest ε that an honest node has spent after the scored round; absent in runs without differential privacy. */
  readonly epsilon?: number
  /** Computation time of the rule in milliseconds, mean over honest nodes and rounds. */
  readonly aggregateMs: number | null
  /** Resident memory of the run's processes divided by the number of nodes. */
  readonly residentBytesPerNode: number | null
  readonly failed: readonly FailedNode[]
  /** Honest nodes that were shut out for rounds on end; older results do not have it. */
  readonly isolated?: readonly IsolatedNode[]
  /** Pre-aggregators that did not fit the nodes' models; older results do not have it. */
  readonly unfit?: readonly UnfitStep[]
  /** Honest nodes whose training loss stayed far above that of guessing; older results do not have it. */
  readonly highLoss?: readonly HighLossNode[]
  readonly ledgers: LedgerCount
  /** Measures that modules have added, by name; undefined when there are none. */
  readonly custom?: Readonly<Record<string, CustomMeasure>>
}

/** The rounds that a run has been scored after, and those that were planned. */
export type ScoredRounds = Pick<RunScore, 'scoredRound' | 'plannedRounds'>

/** Whether a run was scored before its last round: it was interrupted, a stop condition held, or nodes fell behind. */
export function isCutShort({ scoredRound, plannedRounds }: ScoredRounds): boolean {
  return (scoredRound ?? -1) + 1 < plannedRounds
}

/** Rounds scored of rounds planned, e.g. `4 of 60`. */
export function scoredRoundsText({ scoredRound, plannedRounds }: ScoredRounds): string {
  return `${(scoredRound ?? -1) + 1} of ${plannedRounds}`
}

export interface LedgerCount {
  readonly checked: number
  readonly valid: number
  readonly bad: readonly {
    readonly node: string
    readonly entry: number
    readonly code: string
    readonly message: string
  }[]
}

export interface NodeMetric {
  readonly node: string
  readonly value: number
}

/** What a common chain costs; means over honest nodes and rounds unless it says otherwise. */
export interface ChainScore {
  /** Seconds from a node's offer to the block of the round. */
  readonly secondsToAgree: number | null
  /** Seconds from a node's offer until the block of that round is final. */
  readonly secondsToFinal: number | null
  /** Blocks that did not become part of the chain, per round. */
  readonly blocksWasted: number
  /** Hashes that all nodes tried per round. */
  readonly hashesPerRound: number
  /** Share of attackers among the authors of final blocks; null where no block was final. */
  readonly attackerBlocks: number | null
}
