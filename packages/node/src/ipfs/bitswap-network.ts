import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import protobuf from 'protobufjs/minimal.js'
import { Uint8ArrayList } from 'uint8arraylist'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import { createUnreadBytes } from '../guard/unread-bytes.js'
import { streamError } from '../transport/framed-stream.js'
import { readStream, type StreamReader, write } from '../transport/stream-bytes.js'
import { BITSWAP, type BitswapMessage, decodeMessage } from './bitswap-message.js'
import { IPFS_LIMITS } from './ipfs-limits.js'

/** Bitswap messages over libp2p. Each side sends on streams that it opens itself. */
export interface BitswapNetwork {
  /** Sends messages on one stream, each when the one before it has left. Throws NodeError (E_TIMEOUT, E_STREAM). */
  send(connection: Connection, messages: Iterable<Uint8Array | Uint8ArrayList>): Promise<void>
  stop(): Promise<void>
}

export interface BitswapNetworkInit {
  readonly maxMessageBytes: number
  /** How long a message may take to be sent. */
  readonly sendMs: number
  onMessage(connection: Connection, message: BitswapMessage): void
  /** What a peer sent cannot be a message; its stream has been reset. */
  onBadMessage?(connection: Connection, error: NodeError): void
}

const MAX_LENGTH_BYTES = 5

export async function createBitswapNetwork(
  { libp2p, clock }: { readonly libp2p: Libp2p; readonly clock: Clock },
  { maxMessageBytes, sendMs, onMessage, onBadMessage }: BitswapNetworkInit,
): Promise<BitswapNetwork> {
  const stopping = new AbortController()
  const unread = createUnreadBytes(
    {
      unreadPerMember: IPFS_LIMITS.unreadMessagesPerPeer * maxMessageBytes,
      unreadPerStranger: IPFS_LIMITS.unreadMessagesPerPeer * maxMessageBytes,
      unreadInTotal: IPFS_LIMITS.unreadMessagesInTotal * maxMessageBytes,
    },
    () => true,
  )

  const receive = async (stream: Stream, connection: Connection): Promise<void> => {
    // Two messages: one is complete while the next one arrives.
    const reader = readStream(stream, 2 * maxMessageBytes, unread.of(connection.remotePeer.toString()))
    try {
      await stream.close({ signal: stopping.signal })
      while (await reader.more(stopping.signal)) {
        const length = await readLength(reader, stopping.signal)
        if (length > maxMessageBytes)
          throw new NodeError(
            'E_TOO_LARGE',
            `a message of ${length} bytes; the maximum is ${maxMessageBytes}`,
          )
        onMessage(connection, decodeMessage(await readBytes(reader, length, stopping.signal)))
      }
    } catch (error) {
      const failure = streamError(error, 'bitswap')
      stream.abort(failure)
      if (failure.code === 'E_TOO_LARGE' || failure.code === 'E_MALFORMED')
        onBadMessage?.(connection, failure)
    } finally {
      reader.end()
    }
  }
  await libp2p.handle(BITSWAP, (stream, connection) => void receive(stream, connection), {
    maxInboundStreams: IPFS_LIMITS.maxStreamsPerPeer,
    maxOutboundStreams: IPFS_LIMITS.maxStreamsPerPeer,
  })

  /** Does one thing before a deadline of its own. */
  const timed = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const limit = clock.deadline(sendMs, stopping.signal)
    try {
      return await work(limit.signal)
    } finally {
      limit.clear()
    }
  }
  return {
    async send(connection, messages) {
      let stream: Stream | undefined
      try {
        for (const message of messages) {
          stream ??= await timed((signal) => connection.newStream(BITSWAP, { signal }))
          const open = stream
          const framed = new Uint8ArrayList(lengthOf(message.byteLength), message)
          await timed((signal) => write(open, framed, signal))
        }
        const last = stream
        if (last !== undefined) await timed((signal) => last.close({ signal }))
      } catch (error) {
        const failure = streamError(error, `bitswap with ${connection.remotePeer}`)
        stream?.abort(failure)
        throw failure
      }
    },
    async stop() {
      stopping.abort()
      await libp2p.unhandle(BITSWAP)
    },
  }
}

function lengthOf(count: number): Uint8Array {
  return protobuf.Writer.create().uint32(count).finish()
}

async function readLength(reader: StreamReader, signal: AbortSignal): Promise<number> {
  let length = 0
  for (let k = 0; k < MAX_LENGTH_BYTES; k++) {
    const [byte = 0] = await readBytes(reader, 1, signal)
    length += (byte & 0x7f) * 2 ** (7 * k)
    if (byte < 0x80) return length
  }
  throw new NodeError('E_MALFORMED', 'the length of a message has more than 5 bytes')
}

/** Holds what has arrived, not what was announced. */
async function readBytes(reader: StreamReader, count: number, signal: AbortSignal): Promise<Uint8Array> {
  const list = new Uint8ArrayList()
  for await (const piece of reader.pieces(count, signal)) list.append(piece)
  return list.subarray()
}
