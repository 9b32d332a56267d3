import type { RoundReport } from './report.js'

/** Notices when a node rejects everything that it receives, round after round: it then trains alone. */
export interface IsolationWatch {
  /** True once per series, when its `ROUNDS_ALONE`-th round is over. */
  note(report: Pick<RoundReport, 'neighbours'>): boolean
}

/** Rounds in a row in which models arrived and all were rejected, before it is reported. */
export const ROUNDS_ALONE = 3

export function createIsolationWatch(): IsolationWatch {
  let series = 0
  return {
    note({ neighbours }) {
      const arrived = neighbours.filter(({ arrival }) => arrival !== null)
      if (arrived.length === 0) return false
      series = arrived.some(({ accepted }) => accepted) ? 0 : series + 1
      return series === ROUNDS_ALONE
    },
  }
}
