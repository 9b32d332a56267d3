import { type FaultAction, partedPairs } from './fault-timeline.js'

/** The speed of a link: the delay and the limit that its slow ends add. */
export interface LinkSpeed {
  /** Added to every message, one way. */
  readonly latencyMs: number
  /** undefined: no limit. */
  readonly bytesPerSecond: number | undefined
}

/** State of links and trainers after the faults so far, by node index. Plain data: it is sent to worker processes. */
export interface Conditions {
  /** Links that are cut, as `linkName` writes them. */
  readonly cut: readonly string[]
  /** By link. */
  readonly slow: Readonly<Record<string, LinkSpeed>>
  /** Factor by which training takes longer, by node. */
  readonly trainers: Readonly<Record<number, number>>
}

export const calm: Conditions = { cut: [], slow: {}, trainers: {} }

export function linkName(a: number, b: number): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

/** The conditions after an action; kills, restarts and similar actions do not change them. */
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
