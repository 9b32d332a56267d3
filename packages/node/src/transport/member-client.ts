import '../polyfill/promise-with-resolvers.js'
import type { PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { publicKeyFromPeerId } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import type { Identity } from '../identity-file.js'
import { privateNetwork } from '../network-key.js'
import type { DirectProtocols, StreamDeadlines } from './direct-protocols.js'

/**
 * Connects with the member at `address` for `work` and hangs up afterwards, as a node that does not take part yet.
 * Throws NodeError (E_KEY when the member has this node's own key, E_NO_CONNECTION) and what `work` throws.
 */
export async function withMember<T>(
  identity: Identity,
  address: string,
  { clock, deadlines, signal }: MemberCall,
  work: (peer: PeerId, direct: DirectProtocols) => Promise<T>,
): Promise<T> {
  const key = new Uint8Array(64)
  key.set(identity.seed)
  key.set(publicKeyFromPeerId(identity.signer.peerId), 32)
  const { createDirectProtocols, createLibp2p, dialTransports, noise, ownKeyText, privateKeyFromRaw, yamux } =
    await loadLibp2p()
  const libp2p = await createLibp2p({
    privateKey: privateKeyFromRaw(key),
    addresses: { listen: [] },
    transports: await dialTransports([address]),
    ...(await privateNetwork(identity.networkKey)),
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  try {
    const limit = clock.deadline(deadlines.dialMs, signal)
    let peer: PeerId
    try {
      peer = (await libp2p.dial(multiaddr(address), { signal: limit.signal })).remotePeer
    } catch (error) {
      if (errorMessage(error).includes('dial self'))
        throw new NodeError('E_KEY', `${address}: ${ownKeyText(identity.signer.peerId)}`, { address }, error)
      throw new NodeError(
        'E_NO_CONNECTION',
        `no member answers at ${address}: ${errorMessage(error)}`,
        { address },
        error,
      )
    } finally {
      limit.clear()
    }
    return await work(
      peer,
      createDirectProtocols(libp2p, clock, deadlines, () => undefined),
    )
  } finally {
    await libp2p.stop()
  }
}

export interface MemberCall {
  readonly clock: Clock
  readonly deadlines: StreamDeadlines
  readonly signal: AbortSignal
}

/** Loaded when it is needed: most nodes have their manifest in a file. */
async function loadLibp2p() {
  const [direct, ownKey, { createLibp2p }, { noise }, { privateKeyFromRaw }, { yamux }, { dialTransports }] =
    await Promise.all([
      import('./direct-protocols.js'),
      import('./own-key.js'),
      import('libp2p'),
      import('@libp2p/noise'),
      import('@libp2p/crypto/keys'),
      import('@libp2p/yamux'),
      import('../reach/transports.js'),
    ])
  return { ...direct, ...ownKey, dialTransports, createLibp2p, noise, privateKeyFromRaw, yamux }
}
