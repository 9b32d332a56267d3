import type { RoundEvent } from './state.js'

type Heard = Extract<RoundEvent, { readonly type: 'announced' | 'head' }>

/**
 * Makes one event of a neighbour's coming and of what it tells of itself with it: a node that is back late begins when
 * the last neighbour is here, and must know by then how far the others are. What comes with the admission comes in the
 * same turn of the event loop, after the word that the neighbour is there.
 */
export interface Arrivals {
  up(peer: string): void
  down(peer: string): void
  /** Something that a neighbour said of itself, or somebody of it. */
  heard(event: Heard): void
}

export function createArrivals(dispatch: (event: RoundEvent) => void): Arrivals {
  /** What was said by those that came in this turn. */
  const arriving = new Map<string, Heard[]>()

  const settle = (peer: string): void => {
    const said = arriving.get(peer)
    if (said === undefined) return
    arriving.delete(peer)
    const rounds = said.flatMap((event) => (event.type === 'announced' ? [event.round] : []))
    dispatch({ type: 'neighbour-up', peer, newestRound: Math.max(-1, ...rounds) })
    said.forEach(dispatch)
  }

  return {
    up(peer) {
      if (!arriving.has(peer)) arriving.set(peer, [])
      queueMicrotask(() => settle(peer))
    },
    down(peer) {
      settle(peer)
      dispatch({ type: 'neighbour-down', peer })
    },
    heard(event) {
      const said = arriving.get(event.peer)
      if (said === undefined) dispatch(event)
      else said.push(event)
    },
  }
}
