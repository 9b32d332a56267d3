import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Clock } from '../clock.js'
import { bestConnection, isIndirect } from '../transport/best-connection.js'
import type { Libp2pNode } from '../transport/libp2p-node.js'

/** Replaces relayed connections by direct ones where that is possible. */
export interface DirectUpgrades {
  /** Dials a peer directly if it is connected through a relay only; seldom, however often it is called. */
  consider(peer: string): void
}

const RETRY_MS = 60_000
/** What runs over the relayed connection may end meanwhile. */
const CLOSE_AFTER_MS = 2_000

/** @param dialDirect - undefined when no direct address of the peer is known */
export function preferDirect(
  libp2p: Libp2pNode,
  clock: Clock,
  dialDirect: (peer: string) => (() => Promise<Connection>) | undefined,
): DirectUpgrades {
  const triedMs = new Map<string, number>()
  libp2p.addEventListener('connection:open', ({ detail }) => {
    if (isIndirect(detail)) return
    const peer = detail.remotePeer
    triedMs.delete(peer.toString())
    if (!libp2p.getConnections(peer).some(isIndirect)) return
    clock.after(CLOSE_AFTER_MS, () => {
      if (isIndirect(bestConnection(libp2p, peer))) return
      for (const connection of libp2p.getConnections(peer).filter(isIndirect))
        connection.close().catch((error) => connection.abort(error))
    })
  })
  return {
    consider(peer) {
      const connection = bestConnection(libp2p, peerIdFromString(peer))
      if (connection === undefined || !isIndirect(connection)) return
      const last = triedMs.get(peer) ?? connection.timeline.open - clock.wallMs() + clock.monotonicMs()
      if (clock.monotonicMs() - last < RETRY_MS) return
      triedMs.set(peer, clock.monotonicMs())
      dialDirect(peer)?.().catch(() => undefined)
    },
  }
}
