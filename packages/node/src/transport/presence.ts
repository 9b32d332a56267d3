import type { Clock } from '../clock.js'
import type { Logger } from '../logger.js'

/** Which members are admitted, and which neighbours are up: admitted, or lost for less than a grace time. */
export interface Presence {
  readonly admitted: ReadonlySet<string>
  /** Does nothing when the peer is admitted already. */
  admit(peer: string): void
  /** The last connection with a peer is closed. */
  lost(peer: string): void
  stop(): void
}

export interface PresenceInit {
  readonly clock: Clock
  readonly logger: Logger
  /** Peer ids of the neighbours; `onUp` and `onDown` are about them alone. */
  readonly neighbours: readonly string[]
  /** How long a lost neighbour may stay away before it counts as down. */
  readonly graceMs: number
  onUp(peer: string): void
  onDown(peer: string): void
}

export function createPresence(init: PresenceInit): Presence {
  const { clock, logger, graceMs } = init
  const neighbours = new Set(init.neighbours)
  const admitted = new Set<string>()
  const up = new Set<string>()
  const graceTimers = new Map<string, () => void>()
  return {
    admitted,
    admit(peer) {
      if (admitted.has(peer)) return
      admitted.add(peer)
      graceTimers.get(peer)?.()
      graceTimers.delete(peer)
      if (neighbours.has(peer) && !up.has(peer)) {
        up.add(peer)
        init.onUp(peer)
      }
    },
    lost(peer) {
      admitted.delete(peer)
      if (!up.has(peer) || graceTimers.has(peer)) return
      logger.info({ peer }, 'neighbour lost')
      const cancel = clock.after(graceMs, () => {
        graceTimers.delete(peer)
        if (admitted.has(peer)) return
        up.delete(peer)
        init.onDown(peer)
      })
      graceTimers.set(peer, cancel)
    },
    stop() {
      for (const cancel of graceTimers.values()) cancel()
      graceTimers.clear()
    },
  }
}
