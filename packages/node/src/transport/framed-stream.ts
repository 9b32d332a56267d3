import type { Stream } from '@libp2p/interface'
import { decodeCanonical, encodeCanonical, LIMITS } from '@tempered/protocol'
import { Uint8ArrayList } from 'uint8arraylist'
import { z } from 'zod'
import { NodeError } from '../errors.js'
import type { UnreadAllowance } from '../guard/unread-bytes.js'
import { readStream, write } from './stream-bytes.js'

/**
 * Control frames and raw bytes on one libp2p stream. A frame is a 4-byte little-endian length and that many bytes
 * of canonical DAG-CBOR. The length is checked before anything of that size is read.
 */
export interface FramedStream {
  readFrame(signal: AbortSignal, maxBytes?: number): Promise<unknown>
  /** The next frame; undefined when the other side has closed the stream after the last one. */
  readFrameOrEnd(signal: AbortSignal): Promise<unknown>
  writeFrame(value: unknown, signal: AbortSignal): Promise<void>
  /** Sends frames together without waiting; only if their number is limited by what has been answered. */
  postFrames(values: readonly unknown[]): void
  /** Sends a frame and the bytes that it announces in one message, without copying them. */
  writeFrameAnd(value: unknown, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** Reads exactly `target.byteLength` bytes into `target`. */
  readInto(target: Uint8Array, signal: AbortSignal): Promise<void>
  /** Exactly `count` bytes, in pieces as they arrive, not copied. */
  pieces(count: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void>
  writeBytes(bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** Nothing more will be read: what is unread is dropped, and whatever still comes resets the stream. */
  end(): void
}

/** When so many bytes may be written; undefined where that is now. */
export type Pace = (byteLength: number, signal: AbortSignal) => Promise<void> | undefined

/** @param pace - asked before each write, but for frames that are posted; default: all may be written at once */
export function framedStream(
  stream: Stream,
  maxUnreadBytes: number,
  allowance: UnreadAllowance,
  pace: Pace = () => undefined,
): FramedStream {
  const reader = readStream(stream, maxUnreadBytes, allowance)
  const send = async (bytes: Uint8Array | Uint8ArrayList, signal: AbortSignal): Promise<void> => {
    const wait = pace(bytes.byteLength, signal)
    if (wait !== undefined) await wait
    await write(stream, bytes, signal)
  }

  const readInto = async (target: Uint8Array, signal: AbortSignal): Promise<void> => {
    let offset = 0
    for await (const piece of reader.pieces(target.byteLength, signal)) {
      target.set(piece, offset)
      offset += piece.byteLength
    }
  }
  const readFrame: FramedStream['readFrame'] = async (signal, maxBytes = LIMITS.maxControlFrameBytes) => {
    const head = new Uint8Array(4)
    await readInto(head, signal)
    const length = new DataView(head.buffer).getUint32(0, true)
    if (length > maxBytes) {
      throw new NodeError('E_TOO_LARGE', `a frame of ${length} bytes, at most ${maxBytes} are allowed`)
    }
    if (length === 0) throw new NodeError('E_MALFORMED', 'an empty frame')
    const body = new Uint8Array(length)
    await readInto(body, signal)
    return decodeCanonical(body, maxBytes, 'frame')
  }
  return {
    readFrame,
    readFrameOrEnd: async (signal) => ((await reader.more(signal)) ? readFrame(signal) : undefined),
    writeFrame: (value, signal) => send(frameOf(value), signal),
    postFrames(values) {
      stream.send(new Uint8ArrayList(...values.map(frameOf)))
    },
    writeFrameAnd: (value, bytes, signal) => send(new Uint8ArrayList(frameOf(value), bytes), signal),
    readInto,
    pieces: reader.pieces,
    writeBytes: send,
    end: reader.end,
  }
}

function frameOf(value: unknown): Uint8Array {
  const body = encodeCanonical(value)
  const frame = new Uint8Array(4 + body.byteLength)
  new DataView(frame.buffer).setUint32(0, body.byteLength, true)
  frame.set(body, 4)
  return frame
}

/** Converts anything that a libp2p stream throws (errors, close events, aborts) to one of our errors. */
export function streamError(cause: unknown, what: string): NodeError {
  if (cause instanceof NodeError) return cause
  const { name, message } = (cause ?? {}) as { name?: string; message?: string }
  if (name === 'TimeoutError')
    return new NodeError('E_TIMEOUT', `${what}: ${message ?? 'deadline passed'}`, {}, cause)
  if (name === 'AbortError') return new NodeError('E_STOPPED', `${what}: stopped`, {}, cause)
  if (cause instanceof z.core.$ZodError)
    return new NodeError('E_MALFORMED', `${what}: unexpected fields`, {}, cause)
  const code = (cause as { code?: unknown })?.code
  if (typeof code === 'string' && code.startsWith('E_'))
    return new NodeError('E_MALFORMED', `${what}: ${message}`, {}, cause)
  return new NodeError('E_STREAM', `${what}: ${message ?? 'the stream was closed'}`, {}, cause)
}
