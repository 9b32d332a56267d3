import type { RoundEvent } from './state.js'

type Heard = Extract<RoundEvent, { readonly type: 'announced' | 'head' }>

/**
 * Combines a neighbour's arrival and what it reports about itself into one event: a node that returns late begins
 * when the last neighbour is up, and must know by then how far the others are. The messages that come with the
 * admission arrive in the same turn of the event loop, after the notice that the neighbour is up.
 */
export interface Arrivals {
  up(peer: string): void
  down(peer: string): void
  /** A message by or about a neighbour. */
  heard(event: Heard): void
}

export function createArrivals(dispatch: (event: RoundEvent) => void): Arrivals {
  /** Messages of the neighbours that arrived in this turn. */
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
