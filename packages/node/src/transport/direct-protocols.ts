import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { LIMITS, type Manifest } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import { HOST_STREAMS } from '../guard/budgets.js'
import { createUnreadBytes, type UnreadAllowance } from '../guard/unread-bytes.js'
import { bestConnection, directConnection, isIndirect } from './best-connection.js'
import { type FramedStream, framedStream, type Pace, streamError } from './framed-stream.js'

/** Request and reply on direct streams, each with deadlines on opening, first byte and the whole exchange. */
export interface DirectProtocols {
  /** Opens a stream to a peer we are connected with, for many requests. */
  open(peer: PeerId, protocol: string): Promise<LastingStream>
  /** A signal that aborts after one of the deadlines, or when `parent` does; `clear` must be called afterwards. */
  deadline(name: keyof StreamDeadlines, parent?: AbortSignal): ReturnType<Clock['deadline']>
  /** Opens a stream to a peer we are connected with, runs `exchange` on it and always closes it. */
  exchange<T>(
    peer: PeerId,
    protocol: string,
    parent: AbortSignal,
    exchange: (stream: FramedStream, deadlines: ExchangeDeadlines) => Promise<T>,
  ): Promise<T>
  /** Sends one frame and receives one frame. */
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
  /** The same for streams that `open` opened: their number is limited, not their lifetime. */
  serveLasting(protocol: string, maxStreamsPerPeer: number, answer: LastingAnswer): Promise<void>
}

/** A stream that lasts until one side closes it or the connection breaks. */
export interface LastingStream {
  readonly frames: FramedStream
  /** Whether requests can still be sent and answered, and there is no better way to the peer by now. */
  isOpen(): boolean
  /** Whether it goes through a relay, which has limits and carries for others too. */
  readonly isRelayed: boolean
  abort(error: Error): void
}

/**
 * Answers requests until the other side closes the stream; `deadline` limits each of its steps, and `turn` says when the
 * next request may be answered.
 */
export type LastingAnswer = (
  stream: FramedStream,
  connection: Connection,
  deadline: DirectProtocols['deadline'],
  turn: (signal: AbortSignal) => Promise<void> | undefined,
) => Promise<void>

export interface ExchangeDeadlines {
  /** Aborts when the whole exchange takes too long. */
  readonly whole: AbortSignal
  /** Runs one step under the first-byte deadline as well. */
  firstByte<T>(step: (signal: AbortSignal) => Promise<T>): Promise<T>
}

export type StreamDeadlines = Pick<Manifest['deadlines'], 'dialMs' | 'firstByteMs' | 'transferMs'>

/** What bounds the streams of a peer. */
export interface StreamGuard {
  readonly unreadPerStream: number
  unreadOf(peer: string): UnreadAllowance
  /** Resolves when a peer may have its next request answered; undefined where that is now. */
  turn(peer: string, signal: AbortSignal): Promise<void> | undefined
  /** The same for so many bytes of an answer. */
  answer(peer: string, byteLength: number, signal: AbortSignal): Promise<void> | undefined
  /** A peer has sent what no honest node sends. */
  fault(peer: string, protocol: string, code: string): void
}

interface OpenStream {
  readonly stream: Stream
  readonly isRelayed: boolean
}

/** @param directWaitMs - how long a relayed connection must be open before models go over it: a direct one may follow */
export function createDirectProtocols(
  libp2p: Libp2p,
  clock: Clock,
  deadlines: StreamDeadlines,
  onError: (protocol: string, peer: string, error: unknown) => void,
  guard: StreamGuard = plainStreamGuard(),
  directWaitMs = 0,
): DirectProtocols {
  const framed = (stream: Stream, peer: string, pace?: Pace): FramedStream =>
    framedStream(stream, guard.unreadPerStream, guard.unreadOf(peer), pace)
  const noteFault = (peer: string, protocol: string, { code }: NodeError): void => {
    if (code === 'E_MALFORMED' || code === 'E_TOO_LARGE') guard.fault(peer, protocol, code)
  }
  const open = async (peer: PeerId, protocol: string, parent?: AbortSignal): Promise<OpenStream> => {
    const connection = bestConnection(libp2p, peer)
    if (connection === undefined) throw new NodeError('E_NO_CONNECTION', `${peer} is not connected`)
    const dial = clock.deadline(deadlines.dialMs, parent)
    try {
      const stream = await connection.newStream(protocol, {
        signal: dial.signal,
        runOnLimitedConnection: true,
      })
      return { stream, isRelayed: isIndirect(connection) }
    } finally {
      dial.clear()
    }
  }

  const deadline: DirectProtocols['deadline'] = (name, parent) => clock.deadline(deadlines[name], parent)

  const handle = (
    protocol: string,
    maxInboundStreams: number,
    answer: (stream: FramedStream, connection: Connection) => Promise<void>,
  ): Promise<void> =>
    libp2p.handle(
      protocol,
      async (stream, connection) => {
        const peer = connection.remotePeer.toString()
        const frames = framed(stream, peer, (byteLength, signal) => guard.answer(peer, byteLength, signal))
        try {
          await answer(frames, connection)
          closeQuietly(stream, clock, deadlines)
        } catch (cause) {
          const error = streamError(cause, `${protocol} from ${peer}`)
          stream.abort(error)
          noteFault(peer, protocol, error)
          onError(protocol, peer, error)
        } finally {
          frames.end()
        }
      },
      { maxInboundStreams, maxOutboundStreams: 64, runOnLimitedConnection: true },
    )

  const exchange: DirectProtocols['exchange'] = async (peer, protocol, parent, work) => {
    let stream: Stream | undefined
    let frames: FramedStream | undefined
    const whole = clock.deadline(deadlines.transferMs, parent)
    try {
      stream = (await open(peer, protocol, whole.signal)).stream
      frames = framed(stream, peer.toString())
      const result = await work(frames, {
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
      noteFault(peer.toString(), protocol, error)
      throw error
    } finally {
      frames?.end()
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
    async open(peer, protocol) {
      try {
        await directConnection(libp2p, clock, peer, directWaitMs)
        const { stream, isRelayed } = await open(peer, protocol)
        const frames = framed(stream, peer.toString())
        const isBest = (): boolean => !isRelayed || isIndirect(bestConnection(libp2p, peer))
        return {
          frames,
          isRelayed,
          isOpen: () => stream.status === 'open' && stream.remoteWriteStatus === 'writable' && isBest(),
          abort(error) {
            frames.end()
            stream.abort(error)
          },
        }
      } catch (cause) {
        throw streamError(cause, `${protocol} with ${peer}`)
      }
    },
    deadline,
    serve: (protocol, maxStreamsPerPeer, answer) =>
      handle(protocol, maxStreamsPerPeer, async (stream, connection) => {
        const whole = deadline('transferMs')
        try {
          await guard.turn(connection.remotePeer.toString(), whole.signal)
          await answer(stream, connection, whole.signal)
        } finally {
          whole.clear()
        }
      }),
    serveLasting: (protocol, maxStreamsPerPeer, answer) =>
      handle(protocol, maxStreamsPerPeer, (stream, connection) => {
        const peer = connection.remotePeer.toString()
        return answer(stream, connection, deadline, (signal) => guard.turn(peer, signal))
      }),
  }
}

/** For hosts outside of runs: every peer may have as much. */
function plainStreamGuard(): StreamGuard {
  const { unreadPerStream, unreadPerPeer, unreadInTotal } = HOST_STREAMS
  const unread = createUnreadBytes(
    { unreadPerMember: unreadPerPeer, unreadPerStranger: unreadPerPeer, unreadInTotal },
    () => true,
  )
  const never = (): undefined => undefined
  return { unreadPerStream, unreadOf: unread.of, turn: never, answer: never, fault: never }
}

/** Closes our side in the background; a stream that cannot be closed in time is reset. */
function closeQuietly(stream: Stream, clock: Clock, deadlines: StreamDeadlines): void {
  const limit = clock.deadline(deadlines.dialMs)
  stream
    .close({ signal: limit.signal })
    .catch((cause) => stream.abort(streamError(cause, 'close')))
    .finally(() => limit.clear())
}
