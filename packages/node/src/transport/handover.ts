import '../polyfill/promise-with-resolvers.js'
import type { Connection } from '@libp2p/interface'
import {
  blobCid,
  bytesField,
  LIMITS,
  modelLink,
  publicKeyFromPeerId,
  STREAM_PROTOCOLS,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import { STREAMS_PER_PEER } from '../guard/budgets.js'
import type { Identity } from '../identity-file.js'
import type { StreamDeadlines } from './direct-protocols.js'
import type { FramedStream } from './framed-stream.js'
import { listenReason } from './listen-reason.js'
import { withMember } from './member-client.js'

/**
 * Transfers a document and a model between peers without a common run: a user serves the document of a job, and receives
 * the model. Both are identified by their hash, so it does not matter who sends them.
 */
export interface Handover {
  /** Multiaddrs under which this host can be reached. */
  addresses(): readonly string[]
  stop(): Promise<void>
}

export interface HandoverInit {
  readonly identity: Identity
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[]
  /** Multiaddrs to announce instead, if they differ. */
  readonly announce?: readonly string[]
  readonly clock: Clock
  /** The document of a SHA-256 digest of 32 bytes; undefined for one that is not here. */
  document(digest: Uint8Array): Uint8Array | undefined
  /**
   * The length of a model that this peer may deliver; `have` for one that is here, `refused` for any other model or peer.
   */
  expected(model: CID, from: string): Promise<number | 'have' | 'refused'>
  /** Receives a model whose bytes match its CID. */
  take(model: CID, bytes: Uint8Array, from: string): Promise<void>
  onError?(what: string): void
}

const DEADLINES: StreamDeadlines = { dialMs: 10_000, firstByteMs: 20_000, transferMs: 600_000 }
const MOST_CONNECTIONS = 128
/** Peers that may send a model at one time. */
const MOST_SENDERS = 4
/** Bytes that are sent at a time. */
const PIECE_BYTES = 256 * 1024

const documentRequest = z.strictObject({ digest: bytesField })
const documentReply = z.strictObject({ document: bytesField.nullable() })
const deliveryRequest = z.strictObject({
  model: modelLink,
  byteLength: z.int().min(1).max(LIMITS.maxModelBytes),
})
const deliveryReply = z.strictObject({ answer: z.enum(['send', 'have', 'busy', 'refused']) })
const receipt = z.strictObject({ received: z.boolean() })

/** Opens a host. Throws NodeError E_LISTEN. */
export async function openHandover(init: HandoverInit): Promise<Handover> {
  const { identity, clock } = init
  const [{ createLibp2p }, { noise }, { privateKeyFromRaw }, { tcp }, { yamux }, { createDirectProtocols }] =
    await Promise.all([
      import('libp2p'),
      import('@libp2p/noise'),
      import('@libp2p/crypto/keys'),
      import('@libp2p/tcp'),
      import('@libp2p/yamux'),
      import('./direct-protocols.js'),
    ])
  const key = new Uint8Array(64)
  key.set(identity.seed)
  key.set(publicKeyFromPeerId(identity.signer.peerId), 32)
  const libp2p = await createLibp2p({
    privateKey: privateKeyFromRaw(key),
    addresses: { listen: [...init.listen], announce: [...(init.announce ?? [])] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { maxConnections: MOST_CONNECTIONS },
  }).catch((error) => {
    throw new NodeError(
      'E_LISTEN',
      `cannot listen on ${init.listen.join(', ')}: ${listenReason(error)}; choose another address`,
      {},
      error,
    )
  })
  const direct = createDirectProtocols(libp2p, clock, DEADLINES, (protocol, peer, error) =>
    init.onError?.(`${protocol} with ${peer}: ${errorMessage(error)}`),
  )
  /** Peers that are sending. One that stalls does not block the others. */
  const sending = new Set<string>()

  const takeFrom = async (
    stream: FramedStream,
    connection: Connection,
    signal: AbortSignal,
  ): Promise<void> => {
    const from = connection.remotePeer.toString()
    const { model, byteLength } = deliveryRequest.parse(await stream.readFrame(signal))
    const expected = await init.expected(model, from)
    const isFree = !sending.has(from) && sending.size < MOST_SENDERS
    const ready = expected === byteLength ? (isFree ? 'send' : 'busy') : 'refused'
    const answer = typeof expected === 'string' ? expected : ready
    if (answer === 'send') sending.add(from)
    try {
      await stream.writeFrame({ answer }, signal)
      if (answer !== 'send') return
      const bytes = new Uint8Array(byteLength)
      await stream.readInto(bytes, signal)
      const isRight = blobCid(bytes).equals(model)
      if (isRight) await init.take(model, bytes, from)
      await stream.writeFrame({ received: isRight }, signal)
    } finally {
      if (answer === 'send') sending.delete(from)
    }
  }

  await direct.serve(
    STREAM_PROTOCOLS.document,
    STREAMS_PER_PEER.document,
    async (stream, _connection, signal) => {
      const { digest } = documentRequest.parse(await stream.readFrame(signal))
      await stream.writeFrame({ document: init.document(digest) ?? null }, signal)
    },
  )
  await direct.serve(STREAM_PROTOCOLS.delivery, STREAMS_PER_PEER.delivery, takeFrom)
  return {
    addresses: () => libp2p.getMultiaddrs().map(String),
    stop: async () => libp2p.stop(),
  }
}

/** A call to a host. */
export interface HandoverCall {
  readonly identity: Identity
  /** Multiaddr with the peer id of a host. */
  readonly address: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Fetches a document by its digest; the caller checks it. Throws NodeError E_NOT_FOUND and as `withMember`. */
export function fetchDocument(call: HandoverCall, digest: Uint8Array): Promise<Uint8Array> {
  const { identity, address, clock, signal } = call
  return withMember(identity, address, { clock, deadlines: DEADLINES, signal }, async (peer, direct) => {
    const reply = documentReply.safeParse(
      await direct.request(peer, STREAM_PROTOCOLS.document, { digest }, signal, LIMITS.maxManifestBytes + 64),
    )
    if (!reply.success)
      throw new NodeError('E_MALFORMED', `${address} sent no reply about a document`, { address })
    const { document } = reply.data
    if (document === null)
      throw new NodeError('E_NOT_FOUND', `${address} does not have the document`, { address })
    return document
  })
}

/** A host's answer to an offered model: received, already there, being sent by others, or not wanted (from this peer, or yet). */
export type DeliveryAnswer = 'taken' | 'have' | 'busy' | 'refused'

/**
 * Delivers a model to a host. Throws NodeError E_HASH_MISMATCH if the model was damaged on the way, and as `withMember`.
 */
export function deliverModel(call: HandoverCall, model: CID, bytes: Uint8Array): Promise<DeliveryAnswer> {
  const { identity, address, clock, signal } = call
  return withMember(identity, address, { clock, deadlines: DEADLINES, signal }, (peer, direct) =>
    direct.exchange(peer, STREAM_PROTOCOLS.delivery, signal, async (stream, { whole, firstByte }) => {
      await stream.writeFrame({ model, byteLength: bytes.byteLength }, whole)
      const { answer } = deliveryReply.parse(await firstByte((first) => stream.readFrame(first)))
      if (answer !== 'send') return answer
      for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES)
        await stream.writeBytes(bytes.subarray(at, at + PIECE_BYTES), whole)
      const { received } = receipt.parse(await stream.readFrame(whole))
      if (received) return 'taken'
      throw new NodeError('E_HASH_MISMATCH', `${address} received damaged data for model ${model}`, {
        address,
      })
    }),
  )
}
