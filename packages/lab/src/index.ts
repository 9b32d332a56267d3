/**
 * Experiments with Tempered as a library: scenarios on real nodes or simulated, matrices of rules and attacks, the
 * search for the worst attack, and the results of earlier runs.
 *
 * @packageDocumentation
 */

export { LabError, type LabErrorCode } from './errors.js'
export type { ReportedRound } from './events/reported-round.js'
export type { RunEvent } from './events/run-event.js'
export type { LabInput } from './library/read-input.js'
export { type MatrixResult, type RunMatrixOptions, runMatrix } from './library/run-matrix.js'
export { type RunScenarioOptions, runScenario, type ScenarioProgress } from './library/run-scenario.js'
export { type AttackSearchResult, type SearchAttackOptions, searchAttack } from './library/search-attack.js'
export { type SimulateOptions, type SimulationResult, simulate } from './library/simulate.js'
export type { MatrixProgress } from './matrix/matrix.js'
export type { CellResult } from './matrix/matrix-folder.js'
export {
  type MeasureName,
  type Measures,
  measureInfo,
  measureNames,
  registerMeasure,
} from './measures/catalogue.js'
export type { Measure } from './measures/measures.js'
export { type Matrix, matrixGroups, readMatrix } from './measures/read-matrix.js'
export { readRun, type StoredRun } from './measures/read-run.js'
export type { RunRecord } from './measures/run-record.js'
export type { RunScore } from './measures/run-score.js'
export { type RoundPoint, roundSeries } from './measures/series.js'
export {
  type ArchitectureModule,
  type AttackModule,
  loadModule,
  type MeasureModule,
  type PreAggregatorModule,
  type RuleModule,
  type TopologyModule,
  type UsedModule,
} from './plugins/load-module.js'
export type { RankedAttack, Trial } from './red-team/attack-search.js'
export type { ScenarioResult, VariantResult } from './run/scenario-run.js'
export type { Scenario, ScenarioInput } from './scenario/schema.js'
export { temperedVersion, versions } from './versions.js'
