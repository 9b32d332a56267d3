/**
 * How reliably a neighbour has served its models lately. Plain data, kept by the round machine.
 *
 * A neighbour that fails `patienceRounds` rounds in a row, in whatever way (silence, a stalled or broken transfer, bytes
 * that are not the announced model), is no longer waited for. It regains its place by serving: one model after the
 * first time, two after the second, then four, eight and so on, so that a peer that alternates between serving and
 * stalling costs less and less. `FORGIVEN_AFTER` rounds without a failure take one fall back.
 */
export interface Standing {
  /** Failures in a row. */
  readonly missed: number
  /** How often it ran out of patience, less what was forgiven. */
  readonly falls: number
  /** Models that it must serve before it is waited for again. */
  readonly owed: number
  /** Rounds without a failure since the last change of `falls`. */
  readonly served: number
}

export const GOOD_STANDING: Standing = { missed: 0, falls: 0, owed: 0, served: 0 }

const MOST_OWED = 256
const FORGIVEN_AFTER = 32

/** Its model arrived before the round closed. */
export function afterDelivery(standing: Standing): Standing {
  if (standing.owed > 0) return { ...standing, missed: 0, owed: standing.owed - 1 }
  if (standing.falls === 0) return standing.missed === 0 ? standing : { ...standing, missed: 0 }
  const served = standing.served + 1
  return served < FORGIVEN_AFTER
    ? { ...standing, missed: 0, served }
    : { missed: 0, falls: standing.falls - 1, owed: 0, served: 0 }
}

/** It was waited for in vain, or its model could not be used. */
export function afterFailure(standing: Standing, patienceRounds: number): Standing {
  const missed = standing.missed + 1
  if (missed < patienceRounds) return { ...standing, missed, served: 0 }
  const owed = Math.min(2 ** standing.falls, MOST_OWED)
  return { missed: 0, falls: standing.falls + 1, owed, served: 0 }
}

/** Whether a round waits for this neighbour. */
export function isTrusted(standing: Standing): boolean {
  return standing.owed === 0
}

/** Whether it failed so recently that a round waits for it only as long as rounds usually take. */
export function isSuspect({ missed, falls }: Standing): boolean {
  return missed > 0 || falls > 0
}
