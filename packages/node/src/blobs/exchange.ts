import { LIMITS, type Run, STREAM_PROTOCOLS } from '@tempered/protocol'
import { pipe } from 'it-pipe'
import { z } from 'zod'
import { NodeError } from '../errors.js'
import { STREAMS_PER_PEER } from '../guard/budgets.js'
import type { DirectProtocols, LastingAnswer } from '../transport/direct-protocols.js'
import type { OpenBlob } from './open-blob.js'

/**
 * Models over direct streams. A requester keeps one stream open to each peer and asks for one bounded window after the
 * other, of one model or of several. Each request frame is answered in order by a reply frame and, unless that names
 * an error, by exactly the bytes of the window.
 */
export const requestSchema = z.strictObject({
  cid: z.string().max(128),
  offset: z.int().min(0).max(LIMITS.maxModelBytes),
  length: z.int().min(1).max(LIMITS.maxBlobWindowBytes),
})
export const replySchema = z.union([
  z.strictObject({ total: z.int().min(0) }),
  z.strictObject({ error: z.string().max(64) }),
])
type BlobRequest = z.infer<typeof requestSchema>

export interface BlobSource {
  blob(cid: string, peer: string): Promise<OpenBlob | undefined>
  /** Whether a peer may have this blob. */
  mayHave(peer: string, cid: string): boolean
}

/**
 * Who may have what in a run: admitted peers everything, a member that is not admitted yet the model that the run begins
 * with, since it cannot take part before it has it.
 */
export function blobGate(run: Run, isAdmitted: (peer: string) => boolean): BlobSource['mayHave'] {
  const { initialCid } = run.manifest.model
  return (peer, cid) => isAdmitted(peer) || (cid === initialCid && run.memberIndex.has(peer))
}

/** Serves blobs to those who may have them. */
export function serveBlobs(direct: DirectProtocols, source: BlobSource): Promise<void> {
  return direct.serveLasting(STREAM_PROTOCOLS.blob, STREAMS_PER_PEER.blob, answerRequests(source))
}

/** What a requester gets for one request; no bytes beside an error. */
interface Answer {
  readonly reply: z.infer<typeof replySchema>
  readonly window: Uint8Array
  /** The first one after a request of another blob. */
  readonly isFirst: boolean
}
const NOT_FOUND: Answer = { reply: { error: 'E_NOT_FOUND' }, window: new Uint8Array(), isFirst: true }

/** Sent ahead of the rest of a blob's first window: a requester on a slow link waits for it as the first byte. */
const FIRST_BYTES = 32 * 1024

/**
 * Requests → windows → stream. Each stage takes the next item only when the following one has taken the last, and the
 * stream takes a window only when little of the one before is still queued; so a stream holds two windows at most,
 * however many are requested, and the next is read from the disk while the last is on its way.
 */
export function answerRequests(source: BlobSource): LastingAnswer {
  return async (stream, connection, deadline, turn) => {
    const peer = connection.remotePeer.toString()
    const requests = async function* (): AsyncGenerator<BlobRequest> {
      const whileConnected = new AbortController().signal
      for (;;) {
        const frame = await stream.readFrameOrEnd(whileConnected)
        if (frame === undefined) return
        await turn(whileConnected)
        const request = requestSchema.parse(frame)
        if (!source.mayHave(peer, request.cid))
          throw new NodeError('E_NOT_ADMITTED', `${peer} is not admitted`)
        yield request
      }
    }
    const send = async (answers: AsyncIterable<Answer>): Promise<void> => {
      for await (const { reply, window, isFirst } of answers) {
        const { signal, clear } = deadline('transferMs')
        const ahead = isFirst ? FIRST_BYTES : window.byteLength
        try {
          await stream.writeFrameAnd(reply, window.subarray(0, ahead), signal)
          if (ahead < window.byteLength) await stream.writeBytes(window.subarray(ahead), signal)
        } finally {
          clear()
        }
      }
    }
    await pipe(requests, (wanted) => readWindows(wanted, source, peer), send)
  }
}

/** Keeps a blob open from its first to its last window, since a requester asks for them in a row. */
async function* readWindows(
  requests: AsyncIterable<BlobRequest>,
  source: BlobSource,
  peer: string,
): AsyncGenerator<Answer> {
  let held: { readonly cid: string; readonly blob: OpenBlob } | undefined
  const change = async (next: typeof held): Promise<void> => {
    const last = held
    held = next
    await last?.blob.close()
  }
  try {
    for await (const { cid, offset, length } of requests) {
      const isFirst = held?.cid !== cid
      if (isFirst) {
        const blob = await source.blob(cid, peer)
        await change(blob && { cid, blob })
      }
      if (held === undefined) {
        yield NOT_FOUND
        continue
      }
      const total = held.blob.byteLength
      const end = offset + length
      if (end > total) throw new NodeError('E_MALFORMED', `${peer} requested bytes past the end of a blob`)
      const window = await held.blob.read(offset, length)
      if (end === total) await change(undefined)
      yield { reply: { total }, window, isFirst }
    }
  } finally {
    await change(undefined)
  }
}
