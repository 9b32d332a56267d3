/**
 * What a run learns and from what: data sources, tasks, engines and trainers. It knows nothing of networks or rounds.
 */
export { DataError } from './data/data-error.js'
export type { DataSource } from './data/dataset.js'
export { type DataShare, loadSource, shareIndices } from './data/node-data.js'
export { histogram, type PartitionScheme, partition } from './data/partition.js'
export type { Engine, LossName, Optimiser, Program, StepOptions } from './engine/engine.js'
export type { BackendChoice, BackendInfo } from './engine/tfjs/backend.js'
export { createWasmEngine, type WasmEngineInit } from './engine/wasm/wasm-engine.js'
export {
  describeModel,
  initialParameters,
  MODEL_NAMES,
  type ModelDescription,
  type ModelName,
} from './task/models.js'
export { type LearningRateSchedule, learningRateAt } from './trainer/schedule.js'
export { TrainError } from './trainer/train-error.js'
export type { Evaluation, Samples, Trainer } from './trainer/trainer.js'
export { createTrainerService, type RemoteTrainer, type TrainerService } from './trainer/trainer-service.js'
