import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { NodeError } from '../errors.js'
import type { UnreadAllowance } from '../guard/unread-bytes.js'

/** Bytes of one libp2p stream, read as they arrive without copying them. */
export interface StreamReader {
  /** Exactly `count` bytes, in pieces as they arrived. Throws E_STREAM when the stream ends before. */
  pieces(count: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void>
  /** Waits for the next byte; false when the other side has closed the stream instead of sending one. */
  more(signal: AbortSignal): Promise<boolean>
  /** Nothing more will be read: what is unread is dropped, and whatever still comes resets the stream. */
  end(): void
}

/**
 * A reader of all that comes in on a stream. libp2p does not slow a sender down for us, so what nobody has read yet is
 * limited: the stream is reset when it exceeds `maxUnreadBytes`, or what is allowed to its peer over all streams.
 */
export function readStream(stream: Stream, maxUnreadBytes: number, allowance: UnreadAllowance): StreamReader {
  const unread: Uint8Array[] = []
  let unreadBytes = 0
  let failure: Error | undefined
  let hasEnded = false
  let wake: (() => void) | undefined

  const fail = (error: Error): void => {
    failure ??= error
    wake?.()
  }
  const drop = (): void => {
    unread.length = 0
    allowance.giveBack(unreadBytes)
    unreadBytes = 0
  }
  /** Why as many more bytes are not taken; undefined when they are. */
  const refusal = (bytes: number): NodeError | undefined => {
    const most = hasEnded ? 0 : maxUnreadBytes
    if (unreadBytes + bytes > most)
      return new NodeError('E_TOO_LARGE', `over ${most} bytes that were not asked for`)
    const taken = allowance.take(bytes)
    if (taken === 'taken') return undefined
    return taken === 'too-much'
      ? new NodeError('E_TOO_LARGE', 'over what one peer may send over all streams without being asked')
      : new NodeError('E_STREAM', 'this node holds as many unread bytes of all peers as it may')
  }
  stream.addEventListener('message', ({ data }: StreamMessageEvent) => {
    if (failure !== undefined) return
    const error = refusal(data.byteLength)
    if (error !== undefined) {
      drop()
      fail(error)
      // Not while libp2p delivers this message.
      queueMicrotask(() => stream.abort(error))
      return
    }
    unreadBytes += data.byteLength
    if (data instanceof Uint8Array) unread.push(data)
    else unread.push(...data)
    wake?.()
  })
  stream.addEventListener('close', ({ error }: StreamCloseEvent) => {
    if (error === undefined) wake?.()
    else fail(error)
  })
  stream.addEventListener('remoteCloseWrite', () => wake?.())

  const isOver = (): boolean => stream.remoteWriteStatus !== 'writable' && stream.readBufferLength === 0

  /** Resolves when there are unread bytes, or none can come any more. */
  const wait = async (signal: AbortSignal): Promise<void> => {
    while (unreadBytes === 0 && failure === undefined && !isOver()) {
      signal.throwIfAborted()
      await new Promise<void>((resolve) => {
        const woken = (): void => {
          wake = undefined
          signal.removeEventListener('abort', woken)
          resolve()
        }
        wake = woken
        signal.addEventListener('abort', woken)
      })
    }
    signal.throwIfAborted()
    if (unreadBytes === 0 && failure !== undefined) throw failure
  }

  return {
    async *pieces(count, signal) {
      let left = count
      while (left > 0) {
        await wait(signal)
        const first = unread[0]
        if (first === undefined)
          throw new NodeError('E_STREAM', `the stream was closed ${left} bytes before the end of ${count}`)
        const piece = first.subarray(0, left)
        if (piece.byteLength === first.byteLength) unread.shift()
        else unread[0] = first.subarray(left)
        unreadBytes -= piece.byteLength
        allowance.giveBack(piece.byteLength)
        left -= piece.byteLength
        yield piece
      }
    },
    async more(signal) {
      await wait(signal)
      return unreadBytes > 0
    },
    end() {
      hasEnded = true
      drop()
    },
  }
}

/** What may wait inside libp2p for the connection before a writer waits. */
const MAX_QUEUED_BYTES = 256 * 1024

/**
 * Sends bytes as one message, and waits until at most `MAX_QUEUED_BYTES` of all that was sent are still inside libp2p.
 * The receiver gets a message at once, when all of it has arrived.
 */
export async function write(
  stream: Stream,
  bytes: Uint8Array | Uint8ArrayList,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  stream.send(bytes)
  if (stream.writeBufferLength > MAX_QUEUED_BYTES) await drained(stream, signal)
}

function drained(stream: Stream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      for (const event of ['drain', 'idle'] as const) stream.removeEventListener(event, look)
      stream.removeEventListener('close', onClose)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    // libp2p sends the rest in a microtask after `drain`, so the length is read after that one.
    const look = (): void =>
      queueMicrotask(() => {
        if (stream.writeBufferLength <= MAX_QUEUED_BYTES) end(resolve)
      })
    const onClose = ({ error }: StreamCloseEvent): void =>
      end(() => reject(error ?? new NodeError('E_STREAM', 'the stream was closed')))
    const onAbort = (): void => end(() => reject(signal.reason))
    for (const event of ['drain', 'idle'] as const) stream.addEventListener(event, look)
    stream.addEventListener('close', onClose)
    signal.addEventListener('abort', onAbort)
  })
}
