import { TemperedError } from '@tempered/errors'
import { DataError } from '../data/data-error.js'

/** Errors of training: a code, and a message that says what is wrong, where, and how to fix it. */

export const TRAIN_ERROR_CODES = [
  'E_MODEL_SHAPE',
  'E_TASK',
  'E_EXPORT',
  'E_IMPORT',
  'E_PARAMETER_COUNT',
  'E_TRAIN_DATA',
  /** A file of samples that do not fit into memory is gone or was changed. */
  'E_DATA_LOST',
  'E_LABEL_RANGE',
  'E_TRAIN_REQUEST',
  'E_SCHEDULE',
  'E_BACKEND_UNAVAILABLE',
  'E_TRAINER_BUSY',
  'E_TRAINER_DISPOSED',
  'E_TRAIN_ABORTED',
  'E_SERVICE_CLOSED',
  'E_WORKER_CRASHED',
  'E_TRAINER_START',
  'E_TRAINER_CRASHED',
  'E_TRAINER_DEADLINE',
  'E_TRAINER_PROTOCOL',
  'E_TRAINER_LAYOUT',
  'E_TRAINER_FAILED',
  'E_TRAIN_INTERNAL',
] as const

export type TrainErrorCode = (typeof TRAIN_ERROR_CODES)[number]

export class TrainError extends TemperedError<TrainErrorCode, undefined> {
  override readonly name = 'TrainError'

  constructor(code: TrainErrorCode, message: string, cause?: unknown) {
    super(code, message, undefined, cause)
  }
}

/** An error as sent between threads: the class is lost, the code is kept. */
export interface TrainErrorData {
  code: TrainErrorCode
  message: string
}

export function toErrorData(error: unknown): TrainErrorData {
  if (error instanceof TrainError) return { code: error.code, message: error.message }
  if (error instanceof DataError && error.code === 'E_DATA_LOST')
    return { code: error.code, message: error.message }
  return {
    code: 'E_TRAIN_INTERNAL',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  }
}
