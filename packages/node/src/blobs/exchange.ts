import { createHash } from 'node:crypto'
import { peerIdFromString } from '@libp2p/peer-id'
import { cidFromDigest, LIMITS, RAW, STREAM_PROTOCOLS } from '@tempered/protocol'
import { z } from 'zod'
import { NodeError } from '../errors.js'
import type { DirectProtocols } from '../transport/direct-protocols.js'

/**
 * Models over direct streams. The requester asks for one bounded window at a time and keeps two in flight, so a
 * sender can never push more than two windows, and memory is bounded whatever the other side does.
 */
const WINDOW_BYTES = 512 * 1024
const WINDOWS_IN_FLIGHT = 2

const requestSchema = z.strictObject({
  cid: z.string().max(128),
  offset: z.int().min(0).max(LIMITS.maxModelBytes),
  length: z.int().min(1).max(LIMITS.maxBlobWindowBytes),
})
const replySchema = z.union([
  z.strictObject({ total: z.int().min(0) }),
  z.strictObject({ error: z.string().max(64) }),
])

export interface BlobSource {
  blob(cid: string): Promise<Uint8Array | undefined>
  isAdmitted(peer: string): boolean
}

/** Serves blobs to admitted peers: each request frame is answered by a reply frame and the window's bytes. */
export async function serveBlobs(direct: DirectProtocols, source: BlobSource): Promise<void> {
  await direct.serve(STREAM_PROTOCOLS.blob, 8, async (stream, connection, signal) => {
    const peer = connection.remotePeer.toString()
    if (!source.isAdmitted(peer)) throw new NodeError('E_NOT_ADMITTED', `${peer} is not admitted`)
    let held: { cid: string; bytes: Uint8Array } | undefined
    for (;;) {
      const frame = await stream.readFrame(signal)
      if (frame === null) return
      const request = requestSchema.parse(frame)
      // Once per stream, not once per window: the store reads and hashes the whole blob.
      const blob = held?.cid === request.cid ? held.bytes : await source.blob(request.cid)
      if (blob === undefined) {
        await stream.writeFrame({ error: 'E_NOT_FOUND' }, signal)
        return
      }
      held = { cid: request.cid, bytes: blob }
      await stream.writeFrame({ total: blob.byteLength }, signal)
      const window = blob.subarray(request.offset, request.offset + request.length)
      if (window.byteLength < request.length)
        throw new NodeError('E_MALFORMED', `${peer} requested bytes past the end of a blob`)
      await stream.writeBytes(window, signal)
    }
  })
}

/**
 * Pulls blob `cid`, which is exactly `into.byteLength` bytes long, from a peer. The bytes are hashed as they arrive,
 * and nothing reads them before the hash is verified. Throws E_NOT_FOUND, E_HASH_MISMATCH, E_MALFORMED, E_TIMEOUT …
 */
export async function fetchBlob(
  direct: DirectProtocols,
  peer: string,
  cid: string,
  into: Uint8Array,
  parent: AbortSignal,
): Promise<void> {
  const total = into.byteLength
  await direct.exchange(
    peerIdFromString(peer),
    STREAM_PROTOCOLS.blob,
    parent,
    async (stream, { whole, firstByte }) => {
      const hash = createHash('sha256')
      let asked = 0
      let received = 0
      const ask = async (): Promise<void> => {
        const length = Math.min(WINDOW_BYTES, total - asked)
        await stream.writeFrame({ cid, offset: asked, length }, whole)
        asked += length
      }
      while (received < total) {
        while (asked < total && asked - received < WINDOWS_IN_FLIGHT * WINDOW_BYTES) await ask()
        const reply = replySchema.parse(await firstByte((signal) => stream.readFrame(signal)))
        if ('error' in reply) throw new NodeError('E_NOT_FOUND', `${peer} does not hold blob ${cid}`)
        if (reply.total !== total) {
          throw new NodeError(
            'E_MALFORMED',
            `blob ${cid} has ${reply.total} bytes at ${peer}, but ${total} were announced`,
          )
        }
        const window = into.subarray(received, received + Math.min(WINDOW_BYTES, total - received))
        await stream.readInto(window, whole)
        hash.update(window)
        received += window.byteLength
      }
      const got = cidFromDigest(RAW, hash.digest()).toString()
      if (got !== cid)
        throw new NodeError('E_HASH_MISMATCH', `${peer} sent blob ${got}, but ${cid} was announced`)
      // Notifies the server that it may close; the model is complete even if the server has already closed.
      await stream.writeFrame(null, whole).catch(() => undefined)
    },
  )
}
