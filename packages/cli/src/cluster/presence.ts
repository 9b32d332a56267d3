import type { Topology } from '@tempered/robust-agg/topology'

type State = 'absent' | 'started' | 'working' | 'gone'

/**
 * Who is there in a run with faults, for one question: which nodes wait for neighbours that will never come? A node
 * that was started joins when a neighbour is there; when all of them have finished, nothing will ever let it begin.
 */
export interface Presence {
  /** It is being started, or started again. */
  started(index: number): void
  published(index: number): void
  /** It is finished, failed or killed; it may be started again. */
  gone(index: number): void
  /** Nodes that have published nothing since their start and whose neighbours are all gone for good. */
  stranded(isComing: (index: number) => boolean): readonly number[]
}

export function createPresence(graph: Topology): Presence {
  const states = Array.from({ length: graph.n }, (): State => 'absent')
  const become = (state: State) => (index: number) => {
    states[index] = state
  }
  return {
    started: become('started'),
    published: become('working'),
    gone: become('gone'),
    stranded: (isComing) =>
      states.flatMap((state, index) => {
        const neighbours = graph.neighbours(index)
        const waits = state === 'started' && neighbours.length > 0
        const isLost = (other: number): boolean => {
          const theirs = states[other]!
          return (theirs === 'gone' || theirs === 'absent') && !isComing(other)
        }
        return waits && neighbours.every(isLost) ? [index] : []
      }),
  }
}
