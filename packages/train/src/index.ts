/**
 * What a run learns and from what: data sources, tasks, engines and trainers. It knows nothing of networks or rounds.
 *
 * @packageDocumentation
 */
export { cacheFolder } from './data/cache-folder.js'
export { DataError } from './data/data-error.js'
export { type DataShare, shareIndices, splitLabels } from './data/data-share.js'
export {
  createDataset,
  type DataSource,
  type Dataset,
  hasLabels,
  type InputArray,
  inMemory,
  inputArray,
  inputsOf,
  labelsOf,
  type Samples,
  volume,
} from './data/dataset.js'
export { KNOWN_DATA_SETS } from './data/fetch/catalogue.js'
export { fetchDataSet } from './data/fetch/fetch-data.js'
export { firstInvalidUtf8, UTF8_ADVICE } from './data/formats/utf8.js'
export type { ColumnSummary } from './data/inspect/column-statistics.js'
export { contactSheet } from './data/inspect/contact-sheet.js'
export { imageSheet } from './data/inspect/image-sheet.js'
export {
  type ArraySummary,
  inspectSource,
  type SourceSummary,
  type TableSummary,
} from './data/inspect/inspect-source.js'
export { loadData, loadMeasured, loadSamples, type Measured, type SourceSpec } from './data/load-data.js'
export { MEMORY_EXAMPLE, parseMemory } from './data/memory-budget.js'
export { histogram, type PartitionScheme, partition } from './data/partition.js'
export { type SplitReport, splitSource } from './data/split/split-source.js'
export { BACKEND_CHOICES, type BackendChoice, type BackendInfo } from './engine/choose-engine.js'
export type { Engine, LossName, Optimiser, Program, StepOptions } from './engine/engine.js'
export { createWasmEngine, type WasmEngineInit } from './engine/wasm/wasm-engine.js'
export { makeFolder } from './make-folder.js'
export { BUILT_IN_MODELS, type BuiltInModel } from './task/built-in-models.js'
export { defineTask, type TaskModule } from './task/define-task.js'
export { imageTask } from './task/image-task.js'
export { type Metric, type MetricName, metricOf } from './task/metrics.js'
export type { Model, Operation, TensorSlot } from './task/operation.js'
export {
  classNamesOf,
  firstMetric,
  initialTaskParameters,
  type OpenTask,
  openTask,
  resolveTask,
} from './task/task.js'
export { type Task, type TaskFile, type TaskFileInput, taskFileSchema } from './task/task-schema.js'
export { singleClass } from './trainer/logit-adjustment.js'
export { openPredictor, type Prediction, type Predictor } from './trainer/predictor.js'
export { type SampleNoise, samplingRate } from './trainer/private-steps.js'
export { killGroup } from './trainer/process/process-group.js'
export {
  createProcessTrainer,
  initialProcessParameters,
  type ProcessTrainer,
  type ProcessTrainerInit,
  type TrainerDeadlines,
  type TrainerUsage,
} from './trainer/process/process-trainer.js'
export { type LearningRateSchedule, learningRateAt } from './trainer/schedule.js'
export { TrainError } from './trainer/train-error.js'
export type { Evaluation, Trainer } from './trainer/trainer.js'
export { createTrainerService, type RemoteTrainer, type TrainerService } from './trainer/trainer-service.js'
