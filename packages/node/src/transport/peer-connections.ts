import { relayIn } from '../reach/addresses.js'
import type { Libp2pNode } from './libp2p-node.js'
import type { PeerConnection } from './network.js'

/** The open connections of a libp2p node. */
export function peerConnections(
  libp2p: Libp2pNode,
  isAdmitted: (peer: string) => boolean,
): readonly PeerConnection[] {
  return libp2p
    .getConnections()
    .map(({ remotePeer, remoteAddr, direction, timeline, encryption, multiplexer }) => {
      const peer = remotePeer.toString()
      return {
        peer,
        address: remoteAddr.toString(),
        relay: relayIn(remoteAddr.toString()),
        direction,
        isAdmitted: isAdmitted(peer),
        openedMs: timeline.open,
        protocols: [encryption, multiplexer].filter((name) => name !== undefined),
      }
    })
}
