import { peerIdFromString } from '@libp2p/peer-id'
import { counter, digestField, LIMITS, peerIdField, STREAM_PROTOCOLS } from '@tempered/protocol'
import { z } from 'zod'
import { NodeError } from '../errors.js'
import { STREAMS_PER_PEER } from '../guard/budgets.js'
import type { DirectProtocols } from './direct-protocols.js'
import type { LocalSource } from './network.js'

/**
 * Entry digests of a member's ledger, for witnesses that missed heads. Any member that has them may send them: they
 * are accepted only if they lead to the Merkle root that the author signed.
 */
const requestSchema = z.strictObject({ author: peerIdField, from: counter })
const replySchema = z.strictObject({
  digests: z.array(digestField).max(LIMITS.maxDigests),
})

export async function serveDigests(
  direct: DirectProtocols,
  source: Pick<LocalSource, 'digests'> & { isAdmitted(peer: string): boolean },
): Promise<void> {
  await direct.serve(
    STREAM_PROTOCOLS.digests,
    STREAMS_PER_PEER.digests,
    async (stream, connection, signal) => {
      const peer = connection.remotePeer.toString()
      if (!source.isAdmitted(peer)) throw new NodeError('E_NOT_ADMITTED', `${peer} is not admitted`)
      const { author, from } = requestSchema.parse(await stream.readFrame(signal))
      await stream.writeFrame({ digests: [...source.digests(author, from)] }, signal)
    },
  )
}

/** Throws NodeError: E_TIMEOUT, E_NO_CONNECTION, E_STREAM, E_MALFORMED. */
export async function fetchDigests(
  direct: DirectProtocols,
  peer: string,
  author: string,
  from: number,
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const reply = await direct.request(
    peerIdFromString(peer),
    STREAM_PROTOCOLS.digests,
    { author, from },
    signal,
  )
  const parsed = replySchema.safeParse(reply)
  if (!parsed.success) throw new NodeError('E_MALFORMED', `${peer} sent no list of entry digests`)
  return parsed.data.digests
}
