import { printableLine } from '@tempered/errors'
import { LIMITS, openManifest, type Run, STREAM_PROTOCOLS } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import type { Identity } from '../identity-file.js'
import { withMember } from './member-client.js'

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
  const call = { clock, deadlines: DEADLINES, signal }
  return withMember(identity, address, call, async (peer, direct) => {
    const reply = await direct.request(
      peer,
      STREAM_PROTOCOLS.manifest,
      {},
      signal,
      LIMITS.maxManifestBytes + 64,
    )
    const { manifest: bytes, refused, message } = (reply ?? {}) as Readonly<Record<string, unknown>>
    if (typeof refused === 'string')
      throw new NodeError(
        'E_REFUSED',
        `${address} does not give this node the manifest: ${printableLine(String(message))}`,
        {
          address,
          code: printableLine(refused, 64),
        },
      )
    if (!(bytes instanceof Uint8Array))
      throw new NodeError('E_MALFORMED', `${address} sent no manifest`, { address })
    return openManifest(bytes)
  })
}
