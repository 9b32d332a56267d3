import '../polyfill/promise-with-resolvers.js'
import { multiaddr } from '@multiformats/multiaddr'
import { LIMITS, openManifest, publicKeyFromPeerId, type Run, STREAM_PROTOCOLS } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import type { Identity } from '../identity-file.js'

/** Deadlines of a node that has no manifest yet to take them from. */
const DEADLINES = { dialMs: 10_000, firstByteMs: 10_000, transferMs: 30_000 }

/**
 * Takes the run manifest from the member at `address`, before this node has a run. The peer tells it to members
 * only. Throws NodeError (E_NO_CONNECTION, E_STREAM, E_TIMEOUT) or ProtocolError for a manifest that is none.
 */
export async function fetchManifest(
  identity: Identity,
  address: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Run> {
  const key = new Uint8Array(64)
  key.set(identity.seed)
  key.set(publicKeyFromPeerId(identity.signer.peerId), 32)
  const { createDirectProtocols, createLibp2p, noise, privateKeyFromRaw, tcp, yamux } = await loadLibp2p()
  const libp2p = await createLibp2p({
    privateKey: privateKeyFromRaw(key),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  try {
    const limit = clock.deadline(DEADLINES.dialMs, signal)
    let peer: Awaited<ReturnType<typeof libp2p.dial>>['remotePeer']
    try {
      peer = (await libp2p.dial(multiaddr(address), { signal: limit.signal })).remotePeer
    } catch (error) {
      throw new NodeError(
        'E_NO_CONNECTION',
        `no member answers at ${address}: ${errorMessage(error)}`,
        { address },
        error,
      )
    } finally {
      limit.clear()
    }
    const direct = createDirectProtocols(libp2p, clock, DEADLINES, () => undefined)
    const reply = await direct.request(
      peer,
      STREAM_PROTOCOLS.manifest,
      {},
      signal,
      LIMITS.maxManifestBytes + 64,
    )
    const bytes = (reply as { manifest?: unknown } | null)?.manifest
    if (!(bytes instanceof Uint8Array))
      throw new NodeError('E_MALFORMED', `${address} sent no manifest`, { address })
    return openManifest(bytes)
  } finally {
    await libp2p.stop()
  }
}

/** Loaded when it is needed: most nodes have their manifest in a file. */
async function loadLibp2p() {
  const [direct, { createLibp2p }, { noise }, { privateKeyFromRaw }, { tcp }, { yamux }] = await Promise.all([
    import('./direct-protocols.js'),
    import('libp2p'),
    import('@libp2p/noise'),
    import('@libp2p/crypto/keys'),
    import('@libp2p/tcp'),
    import('@libp2p/yamux'),
  ])
  return { ...direct, createLibp2p, noise, privateKeyFromRaw, tcp, yamux }
}
