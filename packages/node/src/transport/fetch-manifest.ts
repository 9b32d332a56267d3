import '../polyfill/promise-with-resolvers.js'
import { multiaddr } from '@multiformats/multiaddr'
import { LIMITS, openManifest, publicKeyFromPeerId, type Run, STREAM_PROTOCOLS } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import type { Identity } from '../identity-file.js'

/** Deadlines of a node that has no manifest yet. */
const DEADLINES = { dialMs: 10_000, firstByteMs: 10_000, transferMs: 30_000 }

/**
 * Gets the run manifest from the member at `address`, before this node has a run. The peer sends it only to members.
 * Throws NodeError (E_REFUSED when it refuses, E_KEY when it has this node's own key, E_NO_CONNECTION, E_STREAM,
 * E_TIMEOUT) or ProtocolError for an invalid manifest.
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
  const { createDirectProtocols, createLibp2p, noise, ownKeyText, privateKeyFromRaw, tcp, yamux } =
    await loadLibp2p()
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
    const direct = createDirectProtocols(libp2p, clock, DEADLINES, () => undefined)
    const reply = await direct.request(
      peer,
      STREAM_PROTOCOLS.manifest,
      {},
      signal,
      LIMITS.maxManifestBytes + 64,
    )
    const { manifest: bytes, refused, message } = (reply ?? {}) as Readonly<Record<string, unknown>>
    if (typeof refused === 'string')
      throw new NodeError('E_REFUSED', `${address} does not give this node the manifest: ${message}`, {
        address,
        code: refused,
      })
    if (!(bytes instanceof Uint8Array))
      throw new NodeError('E_MALFORMED', `${address} sent no manifest`, { address })
    return openManifest(bytes)
  } finally {
    await libp2p.stop()
  }
}

/** Loaded when it is needed: most nodes have their manifest in a file. */
async function loadLibp2p() {
  const [direct, ownKey, { createLibp2p }, { noise }, { privateKeyFromRaw }, { tcp }, { yamux }] =
    await Promise.all([
      import('./direct-protocols.js'),
      import('./own-key.js'),
      import('libp2p'),
      import('@libp2p/noise'),
      import('@libp2p/crypto/keys'),
      import('@libp2p/tcp'),
      import('@libp2p/yamux'),
    ])
  return { ...direct, ...ownKey, createLibp2p, noise, privateKeyFromRaw, tcp, yamux }
}
