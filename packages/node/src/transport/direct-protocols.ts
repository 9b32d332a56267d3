import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { LIMITS, type Manifest } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import { type FramedStream, framedStream, streamError } from './framed-stream.js'

/** Request and reply on direct streams, each with deadlines on opening, first byte and the whole exchange. */
export interface DirectProtocols {
  /** Opens a stream to a peer we are connected with, runs `exchange` on it and closes it whatever happens. */
  exchange<T>(
    peer: PeerId,
    protocol: string,
    parent: AbortSignal,
    exchange: (stream: FramedStream, deadlines: ExchangeDeadlines) => Promise<T>,
  ): Promise<T>
  /** One frame there, one frame back. */
  request(
    peer: PeerId,
    protocol: string,
    message: unknown,
    parent: AbortSignal,
    maxReplyBytes?: number,
  ): Promise<unknown>
  /** Answers a protocol. Errors of `answer` reset the stream and reach `onError`, never the process. */
  serve(
    protocol: string,
    maxStreamsPerPeer: number,
    answer: (stream: FramedStream, connection: Connection, signal: AbortSignal) => Promise<void>,
  ): Promise<void>
}

export interface ExchangeDeadlines {
  /** Aborts when the whole exchange takes too long. */
  readonly whole: AbortSignal
  /** Runs one step under the first-byte deadline as well. */
  firstByte<T>(step: (signal: AbortSignal) => Promise<T>): Promise<T>
}

export type StreamDeadlines = Pick<Manifest['deadlines'], 'dialMs' | 'firstByteMs' | 'transferMs'>

export function createDirectProtocols(
  libp2p: Libp2p,
  clock: Clock,
  deadlines: StreamDeadlines,
  onError: (protocol: string, peer: string, error: unknown) => void,
): DirectProtocols {
  const open = async (peer: PeerId, protocol: string, parent: AbortSignal): Promise<Stream> => {
    const connection = libp2p.getConnections(peer).find((candidate) => candidate.status === 'open')
    if (connection === undefined) throw new NodeError('E_NO_CONNECTION', `${peer} is not connected`)
    const dial = clock.deadline(deadlines.dialMs, parent)
    try {
      return await connection.newStream(protocol, { signal: dial.signal })
    } finally {
      dial.clear()
    }
  }

  const exchange: DirectProtocols['exchange'] = async (peer, protocol, parent, work) => {
    let stream: Stream | undefined
    const whole = clock.deadline(deadlines.transferMs, parent)
    try {
      stream = await open(peer, protocol, whole.signal)
      const result = await work(framedStream(stream), {
        whole: whole.signal,
        async firstByte(step) {
          const first = clock.deadline(deadlines.firstByteMs, whole.signal)
          try {
            return await step(first.signal)
          } finally {
            first.clear()
          }
        },
      })
      closeQuietly(stream, clock, deadlines)
      return result
    } catch (cause) {
      const error = streamError(cause, `${protocol} with ${peer}`)
      stream?.abort(error)
      throw error
    } finally {
      whole.clear()
    }
  }

  return {
    exchange,
    request: (peer, protocol, message, parent, maxReplyBytes = LIMITS.maxControlFrameBytes) =>
      exchange(peer, protocol, parent, async (stream, { whole, firstByte }) => {
        await stream.writeFrame(message, whole)
        return firstByte((signal) => stream.readFrame(signal, maxReplyBytes))
      }),
    serve: (protocol, maxStreamsPerPeer, answer) =>
      libp2p.handle(
        protocol,
        async (stream, connection) => {
          const whole = clock.deadline(deadlines.transferMs)
          try {
            await answer(framedStream(stream), connection, whole.signal)
            closeQuietly(stream, clock, deadlines)
          } catch (cause) {
            const error = streamError(cause, `${protocol} from ${connection.remotePeer}`)
            stream.abort(error)
            onError(protocol, connection.remotePeer.toString(), error)
          } finally {
            whole.clear()
          }
        },
        { maxInboundStreams: maxStreamsPerPeer, maxOutboundStreams: 64 },
      ),
  }
}

/** Closes our side without making anyone wait; what cannot be closed in time is reset. */
function closeQuietly(stream: Stream, clock: Clock, deadlines: StreamDeadlines): void {
  const limit = clock.deadline(deadlines.dialMs)
  stream
    .close({ signal: limit.signal })
    .catch((cause) => stream.abort(streamError(cause, 'close')))
    .finally(() => limit.clear())
}
