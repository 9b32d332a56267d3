import { blobCid, STREAM_PROTOCOLS } from '@tempered/protocol'
import { createBlobClient } from '../../src/blobs/blob-client.js'
import { answerRequests } from '../../src/blobs/exchange.js'
import { openBytes } from '../../src/blobs/open-blob.js'
import type { TransferProgress } from '../../src/blobs/transfer-progress.js'
import type { NodeError } from '../../src/errors.js'
import {
  createDirectProtocols,
  type DirectProtocols,
  type StreamGuard,
} from '../../src/transport/direct-protocols.js'
import { connect, startLibp2pNode } from './libp2p-nodes.js'
import { createManualClock, type ManualClock } from './manual-clock.js'
import { seeds, signers } from './run-fixture.js'

export const DEADLINES = { dialMs: 10_000, firstByteMs: 1_000, transferMs: 60_000 }
/** What a server does with one stream; the signal never aborts. */
export type Answer = Parameters<DirectProtocols['serve']>[2]

/** Bytes that differ from place to place. */
export function bytesOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let k = 0; k < length; k++) bytes[k] = (k * 2654435761) >>> 24
  return bytes
}

/**
 * A client and a server on real TCP. Time stands still on both sides unless a test moves it, so no deadline can
 * pass by chance. `byzantine`, while set, answers in the server's place.
 */
export async function setupTransfer(
  guardOf?: (serverClock: ManualClock) => StreamGuard | Promise<StreamGuard>,
) {
  const [clientNode, serverNode] = await Promise.all([0, 1].map((k) => startLibp2pNode(seeds[k], signers[k])))
  const clock = createManualClock()
  const client = createDirectProtocols(clientNode, clock, DEADLINES, () => undefined)
  const serverErrors: string[] = []
  const serverClock = createManualClock()
  const server = createDirectProtocols(
    serverNode,
    serverClock,
    DEADLINES,
    (_protocol, _peer, error) => serverErrors.push((error as NodeError).code),
    await guardOf?.(serverClock),
  )
  const blobs = new Map<string, Uint8Array>()
  const lookups: string[] = []
  const admitted = new Set([signers[0].peerId])
  const requests: [offset: number, length: number][] = []
  let onRead = (): void => undefined
  const firstRead = new Promise<void>((resolve) => {
    onRead = resolve
  })
  let streams = 0
  let openBlobs = 0
  const honest = answerRequests({
    async blob(cid) {
      lookups.push(cid)
      const bytes = blobs.get(cid)
      if (bytes === undefined) return undefined
      openBlobs += 1
      const blob = openBytes(bytes, () => {
        openBlobs -= 1
      })
      return {
        ...blob,
        read(offset, length) {
          requests.push([offset, length])
          onRead()
          return blob.read(offset, length)
        },
      }
    },
    mayHave: (peer) => admitted.has(peer),
  })
  const blobClient = createBlobClient(client)
  const parts = {
    clientNode,
    serverNode,
    client,
    server,
    clock,
    serverClock,
    admitted,
    lookups,
    serverErrors,
    byzantine: undefined as Answer | undefined,
    add(bytes: Uint8Array) {
      const cid = blobCid(bytes).toString()
      blobs.set(cid, bytes)
      return cid
    },
    /** Windows that the honest server has read. */
    requests,
    /** When it has read the first one. */
    firstRead,
    /** Streams that the client has opened so far. */
    streams: () => streams,
    /** Blobs that the server holds open. */
    openBlobs: () => openBlobs,
    fetch: (
      cid: string,
      into: Uint8Array,
      signal = new AbortController().signal,
      progress?: TransferProgress,
    ) => blobClient.fetch(signers[1].peerId, cid, into, signal, progress),
  }
  const never = new AbortController().signal
  await server.serveLasting(STREAM_PROTOCOLS.blob, 4, (stream, connection, deadline, turn) => {
    streams += 1
    return parts.byzantine?.(stream, connection, never) ?? honest(stream, connection, deadline, turn)
  })
  await connect(clientNode, serverNode)
  return parts
}
