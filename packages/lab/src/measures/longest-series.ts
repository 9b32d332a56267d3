/** Rounds in a row, from 0, both ends included. */
export interface RoundSeries {
  readonly from: number
  readonly to: number
}

/** The longest series of rounds in a row in which something held, if it has at least `least` rounds. */
export function longestSeries(
  rounds: ReadonlyMap<number, boolean> | undefined,
  least: number,
): RoundSeries | undefined {
  let best: RoundSeries | undefined
  let from: number | undefined
  for (const [round, held] of [...(rounds ?? [])].sort(([a], [b]) => a - b)) {
    from = held ? (from ?? round) : undefined
    if (from !== undefined && round - from >= (best === undefined ? least - 1 : best.to - best.from + 1))
      best = { from, to: round }
  }
  return best
}
