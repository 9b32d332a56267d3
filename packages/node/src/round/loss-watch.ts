import type { RoundReport } from './report.js'

/** Notices when a node trains in vain: its loss stays far above that of guessing. */
export interface LossWatch {
  /** True once per series, when its `HIGH_LOSS_ROUNDS`-th round is over. */
  note(report: Pick<RoundReport, 'trainingLoss'>): boolean
}

/** Rounds in a row with a high loss, before it is reported. */
export const HIGH_LOSS_ROUNDS = 3

/**
 * The mean cross entropy, in nats, above which a training loss is high: ten times ln(classes), which is the loss of a
 * model that gives every class the same probability. An untrained model begins near that; only a model that is very sure
 * of wrong classes has ten times as much.
 */
export function highLoss(classes: number): number {
  return 10 * Math.log(classes)
}

export function createLossWatch(classes: number): LossWatch {
  const limit = highLoss(classes)
  let series = 0
  return {
    note({ trainingLoss }) {
      if (trainingLoss === null) return false
      series = trainingLoss > limit ? series + 1 : 0
      return series === HIGH_LOSS_ROUNDS
    },
  }
}
