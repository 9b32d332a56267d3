import type { Topology } from '@tempered/robust-agg/topology'

/** `working`: it has published, most recently in `round`. */
type State =
  | { readonly is: 'absent' | 'started' | 'gone' }
  | { readonly is: 'working'; readonly round: number }

/**
 * Tracks which nodes are present in a run with faults, to find nodes that wait for neighbours that will never come. A
 * node that was started joins when a neighbour is present, and a round closes when a neighbour answers. Once all
 * neighbours have finished, the node can never continue.
 */
export interface Presence {
  /** It is being started, or started again. */
  started(index: number): void
  published(index: number, round: number): void
  /** It is finished, failed or killed; it may be started again. */
  gone(index: number): void
  /**
   * Nodes with rounds left whose neighbours are all gone for good. A node in its last round is excluded, because it may
   * have everything that it needs.
   */
  stranded(isComing: (index: number) => boolean): readonly number[]
}

export function createPresence(graph: Topology, rounds: number): Presence {
  const states = Array.from({ length: graph.n }, (): State => ({ is: 'absent' }))
  const waits = (state: State): boolean =>
    state.is === 'started' || (state.is === 'working' && state.round < rounds - 1)
  const isAway = ({ is }: State): boolean => is === 'gone' || is === 'absent'
  // Counted, so that a large run in which all are present, or all are in their last round, costs nothing.
  let waiting = 0
  let away = graph.n
  const become = (index: number, state: State): void => {
    const before = states[index]!
    waiting += Number(waits(state)) - Number(waits(before))
    away += Number(isAway(state)) - Number(isAway(before))
    states[index] = state
  }
  return {
    started: (index) => become(index, { is: 'started' }),
    published: (index, round) => become(index, { is: 'working', round }),
    gone: (index) => become(index, { is: 'gone' }),
    stranded: (isComing) => {
      if (waiting === 0 || away === 0) return []
      const isLost = (other: number): boolean => isAway(states[other]!) && !isComing(other)
      return states.flatMap((state, index) => {
        const neighbours = graph.neighbours(index)
        return waits(state) && neighbours.length > 0 && neighbours.every(isLost) ? [index] : []
      })
    },
  }
}
