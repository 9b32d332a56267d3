import type { ScenarioFault } from './fault-schema.js'

/** One action on one node, or on links. `at` is the round of the scenario, counted from 1. */
export type FaultAction = { readonly at: number } & (
  | { readonly type: 'kill' | 'restart' | 'join' | 'leave'; readonly node: number }
  | { readonly type: 'slow-trainer'; readonly node: number; readonly factor: number }
  | { readonly type: 'partition'; readonly groups: readonly (readonly number[])[] }
  | { readonly type: 'heal'; readonly groups: readonly (readonly number[])[] }
  | {
      readonly type: 'slow-link'
      readonly between: readonly [number, number]
      /** Added to every message, one way. */
      readonly latencyMs: number
      /** undefined: no limit. */
      readonly bytesPerSecond: number | undefined
    }
)

export interface FaultFacts {
  /** Nodes of the run; indices in faults are below it. */
  readonly nodes: number
}

/**
 * When the faults of a scenario happen. This depends only on what is published: no clock, no randomness. Killing,
 * leaving and slowing a node in round r happen when that node has published its model of round r or, having jumped, of
 * a later one; everything else when the first honest node has. In round 1, partitions, slow links and slow trainers are
 * in force before anything begins. Actions on one node keep the order of the timeline: a restart that is due waits
 * until the node has been killed.
 */
export interface FaultTimeline {
  /** Nodes that are absent until they join. */
  readonly absentAtStart: readonly number[]
  /** To be called once, before anything begins. */
  start(): FaultAction[]
  /** After `index` has published its model of `round`, counted from 0; in any order, repeatedly or not at all. */
  published(index: number, round: number, isHonest: boolean): FaultAction[]
  /** Actions that have not happened yet, in order. A runner still has to wait for restarts and joins. */
  pending(): FaultAction[]
}

type Trigger = 'start' | 'own' | 'first-honest'

interface Planned {
  readonly action: FaultAction
  readonly trigger: Trigger
  done: boolean
}

/** @throws RangeError for an index that is not a node */
export function createFaultTimeline(faults: readonly ScenarioFault[], facts: FaultFacts): FaultTimeline {
  const planned = sortFaults(faults).map(plan)
  const byNode = new Map<number, Planned[]>()
  for (const entry of planned) {
    const { action } = entry
    if (!('node' in action)) continue
    if (action.node >= facts.nodes) throw new RangeError(`faults: there is no node ${action.node}`)
    byNode.set(action.node, [...(byNode.get(action.node) ?? []), entry])
  }
  const links = planned.filter(({ action }) => !('node' in action))
  /** The newest round that an honest node has published, counted from 1; 0 before the first. */
  let reached = 0

  /** Goes through a node's own list as far as it is due; `own` is the round that this node has just published. */
  const advance = (list: readonly Planned[], own: number): FaultAction[] => {
    const actions: FaultAction[] = []
    let said = own
    for (const entry of list) {
      if (entry.done) continue
      const { action, trigger } = entry
      const due = trigger === 'own' ? said >= action.at : trigger === 'start' || reached >= action.at
      if (!due) break
      entry.done = true
      actions.push(action)
      // What a node published before it was killed does not count once it restarts.
      if (action.type === 'kill') said = 0
    }
    return actions
  }

  const due = (index: number | undefined, round: number): FaultAction[] => {
    const actions: { action: FaultAction; place: number }[] = []
    const take = (action: FaultAction): void => {
      actions.push({ action, place: planned.findIndex((entry) => entry.action === action) })
    }
    for (const [node, list] of byNode) advance(list, node === index ? round : 0).forEach(take)
    advance(links, 0).forEach(take)
    return actions.sort((a, b) => a.place - b.place).map(({ action }) => action)
  }

  return {
    absentAtStart: [...byNode].filter(([, list]) => firstPresence(list) === 'join').map(([node]) => node),
    start: () => due(undefined, 0),
    published(index, round, isHonest) {
      if (isHonest) reached = Math.max(reached, round + 1)
      return due(index, round + 1)
    },
    pending: () => planned.filter(({ done }) => !done).map(({ action }) => action),
  }
}

/** Pairs of nodes that are in different groups of a partition. */
export function partedPairs(groups: readonly (readonly number[])[]): [number, number][] {
  return groups.flatMap((group, k) =>
    group.flatMap((a) => groups.slice(k + 1).flatMap((other) => other.map((b): [number, number] => [a, b]))),
  )
}

/** By round; faults of one round stay in the order of the file. */
export function sortFaults(faults: readonly ScenarioFault[]): FaultAction[] {
  let standing: readonly (readonly number[])[] = []
  return [...faults]
    .sort((a, b) => a.at - b.at)
    .flatMap((fault): FaultAction[] => {
      const { at } = fault
      if (fault.partition !== undefined) standing = fault.partition
      return actionsOf(fault).map((action) =>
        action.type === 'heal' ? { at, type: 'heal', groups: standing } : action,
      )
    })
}

function actionsOf(fault: ScenarioFault): FaultAction[] {
  const { at, slowLink, slowTrainer } = fault
  const actions: FaultAction[] = []
  for (const type of ['kill', 'restart', 'join', 'leave'] as const) {
    for (const node of fault[type] ?? []) actions.push({ at, type, node })
  }
  for (const node of slowTrainer?.nodes ?? [])
    actions.push({ at, type: 'slow-trainer', node, factor: slowTrainer!.factor })
  if (fault.partition !== undefined) actions.push({ at, type: 'partition', groups: fault.partition })
  if (fault.heal === true) actions.push({ at, type: 'heal', groups: [] })
  if (slowLink !== undefined) {
    const { between, latencyMs, bytesPerSecond } = slowLink
    actions.push({ at, type: 'slow-link', between, latencyMs, bytesPerSecond })
  }
  return actions
}

function plan(action: FaultAction): Planned {
  return { action, trigger: triggerOf(action), done: false }
}

function triggerOf({ type, at }: FaultAction): Trigger {
  if (at === 1 && (type === 'partition' || type === 'slow-link' || type === 'slow-trainer')) return 'start'
  return type === 'kill' || type === 'leave' || type === 'slow-trainer' ? 'own' : 'first-honest'
}

function firstPresence(list: readonly Planned[]): FaultAction['type'] | undefined {
  return list.map(({ action }) => action.type).find((type) => type !== 'slow-trainer')
}
