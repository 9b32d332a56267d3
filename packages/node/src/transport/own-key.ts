import { noise } from '@libp2p/noise'
import type { Clock } from '../clock.js'

/**
 * Notices that another node runs with this node's key, e.g. on a copy of its folder. libp2p refuses such a connection
 * before anything above it sees it, so the handshake is watched. A node that dials its own address sees both ends of
 * the connection; of a connection with another node it sees only one.
 */
export interface OwnKeyWatch {
  /** A handshake in which the other side proved to have this node's key. */
  met(direction: Direction): void
  stop(): void
}

type Direction = 'inbound' | 'outbound'

/** How long the other end of a connection with this very node may take to appear. */
const OTHER_END_MS = 5_000

/** Calls `onTwin` once when another node with this node's key has been met. */
export function createOwnKeyWatch(clock: Clock, onTwin: () => void): OwnKeyWatch {
  /** Ends without their counterpart yet: each cancels its timer. */
  const single: Record<Direction, (() => void)[]> = { inbound: [], outbound: [] }
  let told = false
  return {
    met(direction) {
      if (told) return
      const counterpart = single[direction === 'inbound' ? 'outbound' : 'inbound'].shift()
      if (counterpart !== undefined) {
        counterpart()
        return
      }
      const cancel = clock.after(OTHER_END_MS, () => {
        if (told) return
        told = true
        onTwin()
      })
      single[direction].push(cancel)
    },
    stop() {
      told = true
      for (const cancel of [...single.inbound, ...single.outbound]) cancel()
    },
  }
}

export function ownKeyText(self: string): string {
  return (
    `another node runs with this node's key (${self}), so the two cannot take part together; stop one of them, create ` +
    'a key of its own for it with `tempered node init`, and name its peer id as a member of the run'
  )
}

type Encrypter = ReturnType<ReturnType<typeof noise>>

/** Noise that reports handshakes with a peer that has this node's key. */
export function noiseWatching(
  self: string,
  onOwnKey: (direction: Direction) => void,
): ReturnType<typeof noise> {
  return (components) => {
    const encrypter: Encrypter = noise()(components)
    const { secureInbound, secureOutbound } = encrypter
    encrypter.secureInbound = async (...args) => {
      const secured = await secureInbound.apply(encrypter, args)
      if (secured.remotePeer.toString() === self) onOwnKey('inbound')
      return secured
    }
    encrypter.secureOutbound = async (...args) => {
      const secured = await secureOutbound.apply(encrypter, args)
      if (secured.remotePeer.toString() === self) onOwnKey('outbound')
      return secured
    }
    return encrypter
  }
}
