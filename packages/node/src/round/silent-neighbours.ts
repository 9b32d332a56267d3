import type { RoundState } from './state.js'

/** Peer ids of the live neighbours that this node still waits for: for a model, or at the end for their last entry. */
export function silentNeighbours(state: RoundState): string[] {
  const items = state.inbox.get(state.round)
  return [...state.neighbours]
    .filter(([peer, neighbour]) => {
      if (!neighbour.live || neighbour.quarantined) return false
      return state.phase === 'lingering' ? !neighbour.finished : items?.get(peer) === undefined
    })
    .map(([peer]) => peer)
}
