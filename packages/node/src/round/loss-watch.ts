import type { OpenTask } from '@tempered/train'
import type { RoundReport } from './report.js'

/** Notices when a node trains in vain: its loss stays far above that of guessing. */
export interface LossWatch {
  /** True once per series, when its `HIGH_LOSS_ROUNDS`-th round is over. */
  note(report: Pick<RoundReport, 'trainingLoss'>): boolean
}

/** Rounds in a row with a high loss, before it is reported. */
export const HIGH_LOSS_ROUNDS = 3

/**
 * The training loss above which a loss is high: ten times that of a model that gives every class, token or label the
 * same probability. An untrained model begins near that; only a model that is very sure of wrong answers has ten times
 * as much. Numbers to predict have no such loss: undefined.
 */
export function highLoss({ task, outputs }: Pick<OpenTask, 'task' | 'outputs'>): number | undefined {
  if (task.loss === 'cross-entropy') return 10 * Math.log(outputs)
  return task.loss === 'binary-cross-entropy' ? 10 * Math.LN2 : undefined
}

/** @param limit from `highLoss`; without one nothing is noticed */
export function createLossWatch(limit = Number.POSITIVE_INFINITY): LossWatch {
  let series = 0
  return {
    note({ trainingLoss }) {
      if (trainingLoss === null) return false
      series = trainingLoss > limit ? series + 1 : 0
      return series === HIGH_LOSS_ROUNDS
    },
  }
}
