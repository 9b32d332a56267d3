import { peerIdFromString } from '@libp2p/peer-id'
import { bytesField, LIMITS, STREAM_PROTOCOLS } from '@tempered/protocol'
import { z } from 'zod'
import { NodeError } from '../errors.js'
import { STREAMS_PER_PEER } from '../guard/budgets.js'
import type { Inbound } from '../inbound/inbound.js'
import type { DirectProtocols } from './direct-protocols.js'
import type { LocalSource } from './network.js'
import { dropInvalid } from './status-exchange.js'

/** Words of a private round that a member asks another one for, in case gossip has not brought them. */
const request = z.strictObject({ round: z.int().min(0) })
const header = z.strictObject({ words: z.int().min(0).max(LIMITS.maxGroupWordsPerReply) })
/** Room for the frame around a word. */
const FRAME_BYTES = 16

export function serveGroupWords(
  direct: DirectProtocols,
  source: Pick<LocalSource, 'groupWords'> & { isAdmitted(peer: string): boolean },
): Promise<void> {
  return direct.serve(
    STREAM_PROTOCOLS.groupWords,
    STREAMS_PER_PEER.groupWords,
    async (stream, connection, signal) => {
      const peer = connection.remotePeer.toString()
      if (!source.isAdmitted(peer)) throw new NodeError('E_NOT_ADMITTED', `${peer} is not admitted`)
      const { round } = request.parse(await stream.readFrame(signal))
      const words = source.groupWords(round).slice(0, LIMITS.maxGroupWordsPerReply)
      await stream.writeFrame({ words: words.length }, signal)
      for (const word of words) await stream.writeFrame(word, signal)
    },
  )
}

/** Passes the words that a peer has of a round to validation. Throws NodeError: E_TIMEOUT, E_NO_CONNECTION, E_STREAM … */
export function fetchGroupWords(
  direct: DirectProtocols,
  inbound: Inbound,
  peer: string,
  round: number,
  parent: AbortSignal,
): Promise<void> {
  return direct.exchange(
    peerIdFromString(peer),
    STREAM_PROTOCOLS.groupWords,
    parent,
    async (stream, { whole, firstByte }) => {
      await stream.writeFrame({ round }, whole)
      const { words } = header.parse(await firstByte((signal) => stream.readFrame(signal)))
      for (let k = 0; k < words; k++) {
        const bytes = bytesField.parse(await stream.readFrame(whole, LIMITS.maxGroupWordBytes + FRAME_BYTES))
        dropInvalid(() => inbound.groupWord(bytes))
      }
    },
  )
}
