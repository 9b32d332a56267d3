export { type Estimate, estimate, INTERVAL_METHOD, intervalName } from './bootstrap.js'
export {
  type Estimates,
  type MeasureName,
  type Measures,
  measureInfo,
  measureNames,
  measuresOf,
} from './catalogue.js'
export { divergenceText, highLossRemedy, highLossText, isDivergence } from './divergence.js'
export { weighsAll } from './filter-quality.js'
export { estimateText, lostText, measureText, ratioText } from './measure-text.js'
export { PANELS } from './measures.js'
export { directedLabel, measureInfoFor } from './metric-measures.js'
export { metricText } from './metric-text.js'
export { LABELS_FILE } from './read-labels.js'
export {
  MATRIX_FILE,
  type Matrix,
  type MatrixGroup,
  matrixGroups,
  matrixMetric,
  readMatrix,
} from './read-matrix.js'
export { RUN_FILES, readRun, type StoredRun, type StoredScenario } from './read-run.js'
export { csvLine, ROW_COLUMNS, type RoundRow, roundRows } from './rows.js'
export { findResults, ROLES, type Role, readRuns } from './run-collection.js'
export type { RecordedNode, RunRecord } from './run-record.js'
export { isCutShort, type RunScore, type ScoredRounds, scoredRoundsText } from './run-score.js'
export { scoreRecord } from './score.js'
export { type RoundPoint, roundSeries } from './series.js'
export { isNumber, mean, quantile } from './statistics.js'
export { ACCURACY_FACTS, taskFactsOf } from './task-facts.js'
export { type BySeed, type SeedRun, type Tradeoff, tradeoffOf } from './tradeoff.js'
export {
  benefitLines,
  costLines,
  lossTextOf,
  secondsNote,
  type TradeoffLine,
  unequalText,
} from './tradeoff-text.js'
