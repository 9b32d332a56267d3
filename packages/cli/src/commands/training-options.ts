import type { RunManifestInit } from '@tempered/node'

/** The options of commands that say how a run trains. */
export interface TrainingOptions {
  readonly localSteps: number
  readonly batchSize: number
  readonly learningRate: number
  readonly momentum: number
  /** 0 for none. */
  readonly logitAdjustment: number
}

/** The same as a manifest has it. */
export function trainingOf(
  options: TrainingOptions,
  rounds: number,
): NonNullable<RunManifestInit['training']> {
  const { localSteps, batchSize, learningRate, momentum, logitAdjustment } = options
  const adjusted = logitAdjustment === 0 ? {} : { logitAdjustment }
  return { rounds, localSteps, batchSize, learningRate, momentum, ...adjusted }
}
