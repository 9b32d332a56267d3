export { type MeasuredModels, measureModels } from './measure-models.js'
export { type RecordedRun, requireNoFailures, requireValidLedgers, startRecordedRun } from './recorded-run.js'
export { newRunPath } from './run-folder.js'
export { runVariants, type ScenarioResult } from './scenario-run.js'
