import { type FaultAction, partedPairs } from './fault-timeline.js'

/** How fast a link is: what its slow ends add to what they carry. */
export interface LinkSpeed {
  /** Added to every message, one way. */
  readonly latencyMs: number
  /** undefined: as fast as it goes. */
  readonly bytesPerSecond: number | undefined
}

/** What faults have made of links and trainers so far, by index of the nodes. Plain data: it goes to host processes. */
export interface Conditions {
  /** Links that are cut, as `linkName` writes them. */
  readonly cut: readonly string[]
  /** By link. */
  readonly slow: Readonly<Record<string, LinkSpeed>>
  /** How many times as long training takes, by node. */
  readonly trainers: Readonly<Record<number, number>>
}

export const calm: Conditions = { cut: [], slow: {}, trainers: {} }

export function linkName(a: number, b: number): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

/** The conditions after an action; kills, restarts and the like change none. */
export function afterFault(before: Conditions, action: FaultAction): Conditions {
  switch (action.type) {
    case 'partition':
    case 'heal': {
      const pairs = partedPairs(action.groups).map(([a, b]) => linkName(a, b))
      const cut = new Set(before.cut)
      for (const pair of pairs) {
        if (action.type === 'partition') cut.add(pair)
        else cut.delete(pair)
      }
      return { ...before, cut: [...cut] }
    }
    case 'slow-link': {
      const { between, latencyMs, bytesPerSecond } = action
      return { ...before, slow: { ...before.slow, [linkName(...between)]: { latencyMs, bytesPerSecond } } }
    }
    case 'slow-trainer':
      return { ...before, trainers: { ...before.trainers, [action.node]: action.factor } }
    default:
      return before
  }
}
