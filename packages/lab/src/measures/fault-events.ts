/**
 * A fault of a scenario as in events. Its text is made from the data alone, so that future kinds of faults can be shown
 * too.
 */
export interface FaultEvent {
  readonly type: 'fault' | 'fault-skipped'
  readonly action: {
    readonly type: string
    /** Round, from 1, that it was planned for. */
    readonly at?: number
    readonly node?: number
    readonly groups?: readonly (readonly number[])[]
    readonly between?: readonly number[]
    readonly [key: string]: unknown
  }
}

/** Indices of the affected nodes. */
export function faultNodes({ action }: FaultEvent): number[] {
  const named = [action.node, action.between, action.groups?.flat()].flat()
  return [...new Set(named.filter((value) => typeof value === 'number'))]
}

/** `kill: node-03`, `slow-link: node-01, node-02, latencyMs 300`. */
export function faultEventText({ action }: FaultEvent, nameOf: (index: number) => string): string {
  const { type, at: _, node, between, groups, ...others } = action
  const who = groups?.map((group) => group.map(nameOf).join(', ')).join(' | ')
  const single = [node, between].flat().filter((value) => typeof value === 'number')
  const rest = Object.entries(others)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const parts = [who, ...single.map(nameOf), ...rest].filter((part) => part !== undefined && part !== '')
  return parts.length === 0 ? type : `${type}: ${parts.join(', ')}`
}
