import { type Clock, deadlineOf } from '../../packages/node/src/clock.js'
import {
  createDirectProtocols,
  type DirectProtocols,
} from '../../packages/node/src/transport/direct-protocols.js'
import type { framedStream } from '../../packages/node/src/transport/framed-stream.js'
import { Broken } from '../engine/target.js'

type Libp2p = Parameters<typeof createDirectProtocols>[0]
type Connection = Parameters<Parameters<DirectProtocols['serve']>[2]>[1]
type Stream = Parameters<typeof framedStream>[0]

/** A clock that stands still: what waits for a deadline waits for ever, which the fuzzer notices. */
const stillClock: Clock = {
  wallMs: () => 0,
  monotonicMs: () => 0,
  after: () => () => undefined,
  deadline: (delayMs, parent) => deadlineOf(() => () => undefined, delayMs, parent),
}

/** A stream on which a peer has sent `bytes`, in pieces, and that it then closes. What we send is counted only. */
class ScriptedStream extends EventTarget {
  status = 'open'
  remoteWriteStatus = 'writable'
  readonly readBufferLength = 0
  readonly writeBufferLength = 0
  sentBytes = 0

  private readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    super()
    this.bytes = bytes
  }

  /** A reader listens for the end last: then the peer sends. */
  override addEventListener(type: string, listener: (event: Event) => void): void {
    super.addEventListener(type, listener)
    if (type === 'remoteCloseWrite') queueMicrotask(() => this.deliver())
  }

  private deliver(): void {
    for (const data of pieces(this.bytes)) this.dispatchEvent(Object.assign(new Event('message'), { data }))
    this.remoteWriteStatus = 'closed'
    this.dispatchEvent(new Event('remoteCloseWrite'))
  }

  send(bytes: { readonly byteLength: number }): boolean {
    this.sentBytes += bytes.byteLength
    return true
  }

  async close(): Promise<void> {
    this.status = 'closed'
  }

  abort(): void {
    this.status = 'aborted'
  }
}

/** Pieces that follow from the bytes, so that a kept input arrives as it did. */
function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  let state = bytes.byteLength
  for (let at = 0; at < bytes.byteLength; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345 + bytes[at]!) >>> 0
    const length = (state >>> 16) % 7 === 0 ? 1 + ((state >>> 8) % 5) : 1 + ((state >>> 8) % 4096)
    yield bytes.slice(at, at + length)
    at += length
  }
}

const deadlines = { dialMs: 1000, firstByteMs: 1000, transferMs: 1000 }

/** A peer by its name. */
const peerOf = (name: string): Connection['remotePeer'] =>
  ({ toString: () => name }) as Connection['remotePeer']

/**
 * What a node makes of the stream of a peer that opens `protocol` and sends `bytes`: rejects with the error for which the
 * stream was reset.
 */
export async function answerTo(
  serve: (direct: DirectProtocols) => Promise<unknown>,
  protocol: string,
  peer: string,
  bytes: Uint8Array,
): Promise<void> {
  const handlers = new Map<string, (stream: Stream, connection: Connection) => Promise<void>>()
  const libp2p = {
    handle: async (name: string, handler: (stream: Stream, connection: Connection) => Promise<void>) =>
      void handlers.set(name, handler),
  } as unknown as Libp2p
  let failure: unknown
  await serve(
    createDirectProtocols(libp2p, stillClock, deadlines, (_protocol, _peer, error) => {
      failure = error
    }),
  )
  const stream = new ScriptedStream(bytes)
  await handlers.get(protocol)!(stream as unknown as Stream, { remotePeer: peerOf(peer) } as Connection)
  if (failure !== undefined) throw noBug(failure)
}

/** What a node makes of a reply: `ask` opens a stream, on which the peer answers with `bytes` whatever it is asked. */
export async function replyTo<T>(
  ask: (direct: DirectProtocols) => Promise<T>,
  bytes: Uint8Array,
): Promise<T> {
  // Always the same one: a stream of another connection than the best is given up.
  const connection = { status: 'open', newStream: async () => new ScriptedStream(bytes) }
  const libp2p = { getConnections: () => [connection] } as unknown as Libp2p
  try {
    return await ask(createDirectProtocols(libp2p, stillClock, deadlines, () => undefined))
  } catch (error) {
    throw noBug(error)
  }
}

/** A broken stream is an error of libp2p, not of ours: anything else that became E_STREAM is a bug of ours. */
function noBug(error: unknown): unknown {
  const { code, cause } = error as { code?: string; cause?: unknown }
  const isOurs = cause === undefined || (cause as { code?: string }).code === 'E_STREAM'
  if (code !== 'E_STREAM' || isOurs) return error
  return new Broken(`a bug became E_STREAM: ${(cause as Error).stack ?? String(cause)}`)
}
