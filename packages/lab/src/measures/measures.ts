import type { MeasureInfo } from './measure-info.js'
import type { RunRecord } from './run-record.js'
import type { RunScore } from './run-score.js'
import type { RoundPoint } from './series.js'

/** One row of the table: everything that the rest of Tempered knows about a measure. */
export interface Measure extends MeasureInfo {
  /**
   * Its value for a run, null where there is nothing to measure. Built-in measures follow from the score; added ones may
   * use the whole record.
   */
  of(score: RunScore, record: RunRecord): number | null
  /** How it is drawn over the rounds; undefined where it has no value per round. */
  readonly drawn?: DrawnMeasure
}

export interface DrawnMeasure {
  /** Chart that shows its line: an id of `PANELS`. */
  readonly panel: PanelId
  /** Name in the chart's legend. */
  readonly name: string
  /** A colour of the report's palette. */
  readonly color: 'honest' | 'byzantine' | 'good' | 'bad' | 'third'
  readonly dash?: 'solid' | 'dashed' | 'dotted'
  of(point: RoundPoint): number | null
}

/** Charts of measures by round, in the order in which a report shows them. */
export const PANELS = {
  filter: {
    title: 'Quality of the filter',
    note: 'Precision: share of the rejected models that came from attackers. Recall: share of the attackers’ models that was rejected. Honest rejected: share of the honest neighbours’ models that was rejected. Weight: weight of the attackers’ models in an honest node’s aggregate; the only one of the four that rules that weigh all models have.',
  },
  asr: {
    title: 'Attack success',
    note: 'Share of triggered test images classified as the backdoor’s target, at the honest node where it is highest.',
  },
  consensus: {
    title: 'Consensus distance',
    note: 'Mean squared L2 distance of the honest models to their mean.',
  },
} as const

export type PanelId = keyof typeof PANELS

function isAccuracy({ metric }: RunScore): boolean {
  return metric.name === 'accuracy'
}

/**
 * The measures of a run, each a single number. Assertions compare them; matrices and reports show them. Shares and
 * rates are in [0, 1]; all are over honest nodes unless stated otherwise. To add a measure, add a row here and its
 * computation.
 */
export const MEASURES = {
  worstHonestAccuracy: {
    label: 'worst honest node',
    unit: 'share',
    better: 'high',
    description:
      'test accuracy of the worst honest node after the last round; only where accuracy is the metric',
    of: (score) => (isAccuracy(score) ? (score.worst?.value ?? null) : null),
  },
  meanHonestAccuracy: {
    label: 'mean of honest nodes',
    unit: 'share',
    better: 'high',
    description:
      'mean test accuracy of the honest nodes after the last round; only where accuracy is the metric',
    of: (score) => (isAccuracy(score) ? score.mean : null),
  },
  bestHonestAccuracy: {
    label: 'best honest node',
    unit: 'share',
    better: 'high',
    description:
      'test accuracy of the best honest node after the last round; only where accuracy is the metric',
    of: (score) => (isAccuracy(score) ? (score.best?.value ?? null) : null),
  },
  mter: {
    label: 'maximum test error (MTER)',
    unit: 'share',
    better: 'low',
    description: 'maximum test error rate: 1 − worstHonestAccuracy',
    of: (score) => (score.worst === null || !isAccuracy(score) ? null : 1 - score.worst.value),
  },
  accuracySpread: {
    label: 'spread of honest nodes (SD)',
    unit: 'share',
    better: 'low',
    description: 'standard deviation of the honest nodes’ test accuracies after the last round',
    of: (score) => (isAccuracy(score) ? score.spread : null),
  },
  worstHonestMetric: {
    label: 'worst honest node',
    unit: 'number',
    better: null,
    description: 'the task’s first metric at the honest node where it is worst, after the last round',
    of: ({ worst }) => worst?.value ?? null,
  },
  meanHonestMetric: {
    label: 'mean of honest nodes',
    unit: 'number',
    better: null,
    description: 'mean of the task’s first metric over the honest nodes after the last round',
    of: ({ mean }) => mean,
  },
  bestHonestMetric: {
    label: 'best honest node',
    unit: 'number',
    better: null,
    description: 'the task’s first metric at the honest node where it is best, after the last round',
    of: ({ best }) => best?.value ?? null,
  },
  metricSpread: {
    label: 'spread of honest nodes (SD)',
    unit: 'number',
    better: 'low',
    description: 'standard deviation of the task’s first metric over the honest nodes after the last round',
    of: ({ spread }) => spread,
  },
  asr: {
    label: 'attack success rate',
    unit: 'share',
    better: 'low',
    description:
      'attack success rate of a backdoor: share of triggered test images classified as the target, worst honest node',
    of: ({ asr }) => asr,
    drawn: { panel: 'asr', name: 'attack success', color: 'byzantine', of: ({ asr }) => asr },
  },
  consensusDistance: {
    label: 'consensus distance (squared L2)',
    unit: 'number',
    better: 'low',
    description: 'mean squared L2 distance of the honest nodes’ models to their mean after the last round',
    of: ({ consensusDistance }) => consensusDistance,
    drawn: {
      panel: 'consensus',
      name: 'consensus distance',
      color: 'third',
      of: ({ consensusDistance }) => consensusDistance,
    },
  },
  precision: {
    label: 'filter precision',
    unit: 'share',
    better: 'high',
    description:
      'of the models that honest nodes rejected, the share that came from attackers; not measured where the rule weighs all models',
    of: ({ precision }) => precision,
    drawn: {
      panel: 'filter',
      name: 'precision',
      color: 'good',
      dash: 'dashed',
      of: ({ precision }) => precision,
    },
  },
  recall: {
    label: 'filter recall',
    unit: 'share',
    better: 'high',
    description:
      'of the attackers’ models that reached honest nodes, the share that was rejected; not measured where the rule weighs all models',
    of: ({ recall }) => recall,
    drawn: { panel: 'filter', name: 'recall', color: 'honest', of: ({ recall }) => recall },
  },
  acceptance: {
    label: 'models accepted',
    unit: 'share',
    better: 'high',
    description: 'of all models that reached honest nodes, the share that was accepted',
    of: ({ acceptance }) => acceptance,
  },
  honestRefused: {
    label: 'honest models rejected',
    unit: 'share',
    better: 'low',
    description: 'of the honest models that reached honest nodes, the share that was rejected',
    of: ({ honestRefused }) => honestRefused,
    drawn: {
      panel: 'filter',
      name: 'honest rejected',
      color: 'bad',
      dash: 'dotted',
      of: ({ honestRefused }) => honestRefused,
    },
  },
  hostileWeight: {
    label: 'weight of attackers in aggregates',
    unit: 'share',
    better: 'low',
    description:
      'weight of the attackers’ models in the aggregates of honest nodes; coordinate-wise rules count all models equally',
    of: ({ hostileWeight }) => hostileWeight,
    drawn: {
      panel: 'filter',
      name: 'weight of attackers',
      color: 'byzantine',
      of: ({ hostileWeight }) => hostileWeight,
    },
  },
  bytesPerRound: {
    label: 'bytes per node and round',
    unit: 'bytes',
    better: 'low',
    description: 'bytes that a node received and sent per round, mean over all nodes',
    of: ({ bytesPerNodeRound }) => bytesPerNodeRound,
  },
  secondsPerRound: {
    label: 'seconds per round',
    unit: 'seconds',
    better: 'low',
    description: 'wall-clock seconds per round; virtual seconds in a simulation',
    of: ({ secondsPerRound }) => secondsPerRound,
  },
  secondsToAgree: {
    label: 'seconds to agree on a block',
    unit: 'seconds',
    better: 'low',
    description:
      'seconds from the offer of a node to the block of its round, mean; of runs with a common chain',
    of: ({ chain }) => chain?.secondsToAgree ?? null,
  },
  secondsToFinal: {
    label: 'seconds until a block is final',
    unit: 'seconds',
    better: 'low',
    description:
      'seconds from the offer of a node until the block of its round is final, mean; of runs with a common chain',
    of: ({ chain }) => chain?.secondsToFinal ?? null,
  },
  blocksWasted: {
    label: 'wasted blocks per round',
    unit: 'number',
    better: 'low',
    description: 'blocks per round that did not become part of the common chain, mean over honest nodes',
    of: ({ chain }) => chain?.blocksWasted ?? null,
  },
  hashesPerRound: {
    label: 'hashes per round',
    unit: 'number',
    better: 'low',
    description:
      'hashes that all miners of a common chain tried per round, a measure of the energy that it takes',
    of: ({ chain }) => chain?.hashesPerRound ?? null,
  },
  attackerBlocks: {
    label: 'blocks by attackers',
    unit: 'share',
    better: 'low',
    description:
      'share of attackers among the authors of final blocks of a common chain, mean over honest nodes',
    of: ({ chain }) => chain?.attackerBlocks ?? null,
  },
  freeRiderPrecision: {
    label: 'precision of free rider verdicts',
    unit: 'share',
    better: 'high',
    description:
      'of the nodes that the scores of all nodes make free riders, the share that are; of runs with `contribution`',
    of: ({ contribution }) => contribution?.precision ?? null,
  },
  freeRiderRecall: {
    label: 'free riders found',
    unit: 'share',
    better: 'high',
    description:
      'of the attackers that ride free (free-rider, delta-weights, echo, mimic), the share that the scores find; of runs with `contribution`',
    of: ({ contribution }) => contribution?.recall ?? null,
  },
  freeRiderRecallByOthers: {
    label: 'free riders found by others',
    unit: 'share',
    better: 'high',
    description: 'the same without what their own entries say about their models',
    of: ({ contribution }) => contribution?.recallByOthers ?? null,
  },
  honestFlagged: {
    label: 'honest nodes taken for free riders',
    unit: 'share',
    better: 'low',
    description:
      'of the honest nodes, the share that the scores make free riders; of runs with `contribution`',
    of: ({ contribution }) => contribution?.honestFlagged ?? null,
  },
  honestGain: {
    label: 'contribution of honest nodes',
    unit: 'number',
    better: 'high',
    description:
      'by how much the model of an honest node lowered the loss of others: median over its neighbours of their mean leave-one-out, mean over honest nodes; of runs with `contribution`',
    of: ({ contribution }) => contribution?.honestGain ?? null,
  },
  attackerGain: {
    label: 'contribution of attackers',
    unit: 'number',
    better: 'low',
    description: 'the same of the attackers',
    of: ({ contribution }) => contribution?.attackerGain ?? null,
  },
  epsilon: {
    label: 'epsilon',
    unit: 'number',
    better: 'low',
    description:
      'ε spent after the scored round by the honest node that has spent most; of runs with `differentialPrivacy`',
    of: ({ epsilon }) => epsilon ?? null,
  },
  aggregateMs: {
    label: 'computation time of the rule per round',
    unit: 'milliseconds',
    better: 'low',
    description: 'computation time of the rule per node and round in milliseconds, mean over honest nodes',
    of: ({ aggregateMs }) => aggregateMs,
  },
  residentBytesPerNode: {
    label: 'resident memory per node',
    unit: 'bytes',
    better: 'low',
    description: 'resident memory of the run’s processes divided by the number of nodes',
    of: ({ residentBytesPerNode }) => residentBytesPerNode,
  },
  finishedHonest: {
    label: 'honest nodes that finished',
    unit: 'count',
    better: 'high',
    description: 'honest nodes that completed the last round',
    of: ({ finishedHonest }) => finishedHonest,
  },
} as const satisfies Readonly<Record<string, Measure>>

/** Measures that every run has; modules may add others (`registerMeasure`). */
export type BuiltInMeasure = keyof typeof MEASURES
