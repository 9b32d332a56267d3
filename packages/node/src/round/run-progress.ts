/**
 * How far the run has come, from what all members announce. More than a third of the members must have announced a
 * round for it to count, so that the Byzantine members that finality allows for cannot invent it.
 */
export interface RunProgress {
  /** A member announced `round`. Returns the run's round if that changed it. */
  heard(member: string, round: number): number | undefined
  /** A member's word no longer counts. What it helped to reach stays. */
  exclude(member: string): void
}

/** `members`: how many the run has. */
export function createRunProgress(members: number): RunProgress {
  const newest = new Map<string, number>()
  const excluded = new Set<string>()
  const needed = Math.floor(members / 3) + 1
  let reached = -1
  return {
    heard(member, round) {
      if (excluded.has(member) || round <= (newest.get(member) ?? -1)) return undefined
      newest.set(member, round)
      if (round <= reached) return undefined
      const ahead = [...newest.values()].filter((other) => other > reached)
      if (ahead.length < needed) return undefined
      reached = ahead.sort((a, b) => b - a)[needed - 1]!
      return reached
    },
    exclude(member) {
      excluded.add(member)
      newest.delete(member)
    },
  }
}
