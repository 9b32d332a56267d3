/**
 * What a run is judged by, each a single number: what assertions compare, what matrices and reports show. Shares and
 * rates are in [0, 1]; all are over honest nodes unless said otherwise.
 */
export const MEASURES = {
  worstHonestAccuracy: 'test accuracy of the worst honest node after the last round',
  meanHonestAccuracy: 'mean test accuracy of the honest nodes after the last round',
  bestHonestAccuracy: 'test accuracy of the best honest node after the last round',
  mter: 'maximum test error rate: 1 − worstHonestAccuracy',
  accuracySpread: 'standard deviation of the honest nodes’ test accuracies after the last round',
  asr: 'attack success rate of a backdoor: share of triggered test images told as the target, worst honest node',
  consensusDistance:
    'mean squared L2 distance of the honest nodes’ models to their mean after the last round',
  precision:
    'of the models that honest nodes refused, the share that came from attackers; none where the rule weighs all',
  recall:
    'of the attackers’ models that reached honest nodes, the share that was refused; none where the rule weighs all',
  acceptance: 'of all models that reached honest nodes, the share that was accepted',
  honestRefused: 'of the honest models that reached honest nodes, the share that was refused',
  hostileWeight:
    'weight of the attackers’ models in the aggregates of honest nodes; rules by coordinate count every model alike',
  bytesPerRound: 'bytes that a node received and sent in a round, mean over all nodes',
  secondsPerRound: 'seconds a round: wall-clock, or virtual ones in a simulation',
  aggregateMs: 'milliseconds of work that the rule took a node and round, mean over honest nodes',
  residentBytesPerNode: 'resident memory of the run’s processes by the number of nodes',
  finishedHonest: 'honest nodes that completed the last round',
} as const

export type MeasureName = keyof typeof MEASURES

/** Measures that lie in [0, 1]. */
export const SHARES: ReadonlySet<MeasureName> = new Set([
  'worstHonestAccuracy',
  'meanHonestAccuracy',
  'bestHonestAccuracy',
  'mter',
  'accuracySpread',
  'asr',
  'precision',
  'recall',
  'acceptance',
  'honestRefused',
  'hostileWeight',
])

/** null where a run has nothing to measure it by. */
export type Measures = Readonly<Record<MeasureName, number | null>>
