import type { Manifest } from '@tempered/protocol'
import { createFitWatch } from './fit-watch.js'
import { createIsolationWatch, ROUNDS_ALONE } from './isolation.js'
import { createLossWatch, HIGH_LOSS_ROUNDS, highLoss } from './loss-watch.js'
import { manifestTask } from './manifest-training.js'
import type { RoundReport } from './report.js'
import type { Notice } from './state.js'

/** Notices what a person should know about the rounds of a node from their reports. */
export interface RoundWatches {
  note(report: RoundReport): Notice[]
}

export function createRoundWatches(manifest: Manifest): RoundWatches {
  const isolation = createIsolationWatch()
  const fit = createFitWatch()
  const loss = createLossWatch(highLoss(manifestTask(manifest)))
  return {
    note(report) {
      const { round, trainingLoss } = report
      const notices: Notice[] = []
      if (isolation.note(report)) notices.push({ kind: 'isolated', round, rounds: ROUNDS_ALONE })
      for (const step of fit.note(report)) notices.push({ kind: 'unfit', round, step })
      if (loss.note(report))
        notices.push({ kind: 'high-loss', round, rounds: HIGH_LOSS_ROUNDS, loss: trainingLoss! })
      return notices
    },
  }
}
