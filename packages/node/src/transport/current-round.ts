import type { LocalSource } from './network.js'

/** The round that a node is in by what it has signed: its newest announcement, or the round after its newest entry. */
export function currentRoundOf(local: LocalSource): number {
  const announced = local.announcements(0).at(-1)?.body.round ?? 0
  const written = local.head()?.head.body.round ?? -1
  return Math.max(announced, written + 1)
}
