import { blobCid, STREAM_PROTOCOLS } from '@tempered/protocol'
import { fetchBlob, serveBlobs } from '../../src/blobs/exchange.js'
import type { NodeError } from '../../src/errors.js'
import { createDirectProtocols, type DirectProtocols } from '../../src/transport/direct-protocols.js'
import { connect, startLibp2pNode } from './libp2p-nodes.js'
import { createManualClock } from './manual-clock.js'
import { seeds, signers } from './run-fixture.js'

export const DEADLINES = { dialMs: 10_000, firstByteMs: 1_000, transferMs: 60_000 }
/** What a server does with one stream. */
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
export async function setupTransfer() {
  const [clientNode, serverNode] = await Promise.all([0, 1].map((k) => startLibp2pNode(seeds[k], signers[k])))
  const clock = createManualClock()
  const client = createDirectProtocols(clientNode, clock, DEADLINES, () => undefined)
  const serverErrors: string[] = []
  const server = createDirectProtocols(
    serverNode,
    createManualClock(),
    DEADLINES,
    (_protocol, _peer, error) => serverErrors.push((error as NodeError).code),
  )
  const blobs = new Map<string, Uint8Array>()
  const lookups: string[] = []
  const admitted = new Set([signers[0].peerId])
  let honest!: Answer
  // Catches the real answer, so that a test can put another in its place.
  await serveBlobs(
    {
      ...server,
      serve: async (_protocol, _max, answer) => {
        honest = answer
      },
    },
    {
      async blob(cid) {
        lookups.push(cid)
        return blobs.get(cid)
      },
      isAdmitted: (peer) => admitted.has(peer),
    },
  )
  const parts = {
    clientNode,
    serverNode,
    client,
    server,
    clock,
    admitted,
    lookups,
    serverErrors,
    byzantine: undefined as Answer | undefined,
    add(bytes: Uint8Array) {
      const cid = blobCid(bytes).toString()
      blobs.set(cid, bytes)
      return cid
    },
    fetch: (cid: string, into: Uint8Array, signal = new AbortController().signal) =>
      fetchBlob(client, signers[1].peerId, cid, into, signal),
  }
  await server.serve(STREAM_PROTOCOLS.blob, 8, (...args) => (parts.byzantine ?? honest)(...args))
  await connect(clientNode, serverNode)
  return parts
}
