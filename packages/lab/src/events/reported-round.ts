import type { RoundReport } from '@tempered/node'
import { residentShare } from './memory-share.js'

/** A round as the launcher sees it: announcements stay in the ledger. */
export type ReportedRound = Omit<RoundReport, 'neighbours'> & {
  readonly neighbours: readonly Omit<RoundReport['neighbours'][number], 'announcement'>[]
  /**
   * Resident memory of the node's process after the round, divided by the number of nodes in it. Older versions did not
   * measure it.
   */
  readonly residentBytes?: number
}

export function reportedRound(report: RoundReport): ReportedRound {
  return {
    ...report,
    neighbours: report.neighbours.map(({ announcement: _, ...record }) => record),
    residentBytes: residentShare(),
  }
}
