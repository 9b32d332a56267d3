import type { Stream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { decodeCanonical, encodeCanonical, LIMITS } from '@tempered/protocol'
import { z } from 'zod'
import { NodeError } from '../errors.js'

/**
 * Control frames and raw bytes on one libp2p stream. A frame is a 4-byte little-endian length and that many bytes
 * of canonical DAG-CBOR. The length is checked before anything of that size is read.
 */
export interface FramedStream {
  readFrame(signal: AbortSignal, maxBytes?: number): Promise<unknown>
  writeFrame(value: unknown, signal: AbortSignal): Promise<void>
  /** Reads exactly `target.byteLength` bytes into `target`. */
  readInto(target: Uint8Array, signal: AbortSignal): Promise<void>
  writeBytes(bytes: Uint8Array, signal: AbortSignal): Promise<void>
}

export function framedStream(stream: Stream): FramedStream {
  const bytes = byteStream(stream)
  return {
    async readFrame(signal, maxBytes = LIMITS.maxControlFrameBytes) {
      const head = (await bytes.read({ bytes: 4, signal })).subarray()
      const length = new DataView(head.buffer, head.byteOffset, 4).getUint32(0, true)
      if (length > maxBytes) {
        throw new NodeError('E_TOO_LARGE', `a frame of ${length} bytes, at most ${maxBytes} are allowed`)
      }
      if (length === 0) throw new NodeError('E_MALFORMED', 'an empty frame')
      return decodeCanonical((await bytes.read({ bytes: length, signal })).subarray(), maxBytes, 'frame')
    },
    async writeFrame(value, signal) {
      const body = encodeCanonical(value)
      const frame = new Uint8Array(4 + body.byteLength)
      new DataView(frame.buffer).setUint32(0, body.byteLength, true)
      frame.set(body, 4)
      await bytes.write(frame, { signal })
    },
    async readInto(target, signal) {
      const list = await bytes.read({ bytes: target.byteLength, signal })
      let offset = 0
      for (const chunk of list) {
        target.set(chunk, offset)
        offset += chunk.byteLength
      }
    },
    writeBytes: (data, signal) => bytes.write(data, { signal }),
  }
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
