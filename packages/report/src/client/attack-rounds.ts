import type { RunView } from './report-data.js'

/** Whether a node attacks in a round, counted from 1: before and after its attack it is honest. */
export function attacksIn(run: RunView, index: number, round: number): boolean {
  const window = run.nodes[index]?.attackRounds ?? null
  return window !== null && round >= window[0] && round <= window[1]
}
