import type { RunView } from './report-data.js'

/** Whether what a node sends in a round, counted from 1, is hostile: before and after its attack it is not. */
export function attacksIn(run: RunView, index: number, round: number): boolean {
  const window = run.nodes[index]?.attackRounds ?? null
  return window !== null && round >= window[0] && round <= window[1]
}
