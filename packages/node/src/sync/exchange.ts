import { peerIdFromString } from '@libp2p/peer-id'
import type { Block } from '@tempered/chain'
import {
  bytesField,
  type FinalHead,
  LIMITS,
  peerIdField,
  type Run,
  STREAM_PROTOCOLS,
} from '@tempered/protocol'
import { z } from 'zod'
import { errorMessage, NodeError } from '../errors.js'
import { STREAMS_PER_PEER } from '../guard/budgets.js'
import { validateBlock } from '../inbound/validate-chain.js'
import type { DirectProtocols } from '../transport/direct-protocols.js'
import type { LocalSource } from '../transport/network.js'
import { finalHeadSchema, openFinal, packFinal } from '../witness/final-store.js'

/**
 * Requests of a late joiner to its neighbours: their ledgers, entry by entry, and the final heads they know. A reply
 * begins with the number of frames that follow, so that each frame stays small.
 */
const entriesRequest = z.strictObject({ from: z.int().min(0), author: peerIdField.optional() })
/** With the changes that stand before the entries. */
const MAX_LEDGER_BLOCKS = LIMITS.maxEntriesPerReply + LIMITS.maxChanges
const entriesHeader = z.strictObject({ entries: z.int().min(0).max(MAX_LEDGER_BLOCKS) })
const blocksRequest = z.strictObject({ from: z.int().min(1) })
const blocksHeader = z.strictObject({ blocks: z.int().min(0).max(LIMITS.maxBlocksPerReply) })
const finalsHeader = z.strictObject({ finals: z.int().min(0).max(LIMITS.maxFinalHeadsPerReply) })
/** Room for the frame around an entry. */
const FRAME_BYTES = 16
/** A head and one co-signature of about 700 bytes per member. */
const finalFrameBytes = (run: Run): number => 2_048 * (1 + run.manifest.members.length)

export async function serveSync(
  direct: DirectProtocols,
  source: Pick<LocalSource, 'entries' | 'finalHeads' | 'blocks'> & { isAdmitted(peer: string): boolean },
): Promise<void> {
  /** @param list - answers a request with the frames; `name` is what the header calls their number */
  const serve = (
    protocol: string,
    name: 'entries' | 'blocks' | 'finals',
    list: (request: unknown) => Promise<readonly unknown[]> | readonly unknown[],
  ): Promise<void> =>
    direct.serve(protocol, STREAMS_PER_PEER[name], async (stream, connection, signal) => {
      const peer = connection.remotePeer.toString()
      if (!source.isAdmitted(peer)) throw new NodeError('E_NOT_ADMITTED', `${peer} is not admitted`)
      const frames = await list(await stream.readFrame(signal))
      await stream.writeFrame({ [name]: frames.length }, signal)
      for (const frame of frames) await stream.writeFrame(frame, signal)
    })
  const { entries, blocks, finals } = STREAM_PROTOCOLS
  await serve(entries, 'entries', (request) => {
    const { from, author } = entriesRequest.parse(request)
    return source.entries(from, author)
  })
  await serve(blocks, 'blocks', (request) => source.blocks(blocksRequest.parse(request).from))
  await serve(finals, 'finals', () =>
    source.finalHeads().slice(0, LIMITS.maxFinalHeadsPerReply).map(packFinal),
  )
}

/** Throws NodeError: E_TIMEOUT, E_NO_CONNECTION, E_STREAM, E_MALFORMED, E_TOO_LARGE. */
export function fetchEntries(
  direct: DirectProtocols,
  peer: string,
  from: number,
  maxEntryBytes: number,
  signal: AbortSignal,
  author?: string,
): Promise<readonly Uint8Array[]> {
  const blockBytes = Math.max(maxEntryBytes, LIMITS.maxChangeBytes)
  let room = LIMITS.maxEntriesPerReply * blockBytes
  return fetchList(direct, peer, signal, {
    protocol: STREAM_PROTOCOLS.entries,
    request: author === undefined ? { from } : { from, author },
    count: (header) => entriesHeader.parse(header).entries,
    frameBytes: blockBytes + FRAME_BYTES,
    read(frame) {
      const block = bytesField.parse(frame)
      room -= block.byteLength
      if (room < 0) throw new NodeError('E_TOO_LARGE', `${peer} sent more of a ledger than a reply may carry`)
      return block
    },
  })
}

/** Throws as `fetchEntries`; E_MALFORMED also for a head that is not final. */
export function fetchFinalHeads(
  direct: DirectProtocols,
  run: Run,
  peer: string,
  signal: AbortSignal,
): Promise<readonly FinalHead[]> {
  return fetchList(direct, peer, signal, {
    protocol: STREAM_PROTOCOLS.finals,
    request: {},
    count: (header) => finalsHeader.parse(header).finals,
    frameBytes: finalFrameBytes(run),
    read(frame) {
      const packed = finalHeadSchema.parse(frame)
      try {
        return openFinal(packed, run)
      } catch (error) {
        throw new NodeError('E_MALFORMED', `${peer} sent a head that is not final: ${errorMessage(error)}`)
      }
    },
  })
}

/** Throws as `fetchEntries`; E_MALFORMED also for bytes that are no block of this run. */
export function fetchBlocks(
  direct: DirectProtocols,
  run: Run,
  peer: string,
  from: number,
  signal: AbortSignal,
): Promise<readonly Block[]> {
  return fetchList(direct, peer, signal, {
    protocol: STREAM_PROTOCOLS.blocks,
    request: { from },
    count: (header) => blocksHeader.parse(header).blocks,
    frameBytes: LIMITS.maxBlockBytes + FRAME_BYTES,
    read(frame) {
      try {
        return validateBlock(bytesField.parse(frame), run)
      } catch (error) {
        throw new NodeError(
          'E_MALFORMED',
          `${peer} sent what is no block of this run: ${errorMessage(error)}`,
        )
      }
    },
  })
}

interface ListExchange<T> {
  readonly protocol: string
  readonly request: Record<string, unknown>
  /** How many frames follow a header; throws for an invalid header. */
  count(header: unknown): number
  /** Largest frame of the list. */
  readonly frameBytes: number
  /** An item from its frame; throws for an invalid frame. */
  read(frame: unknown): T
}

/** One request, a header with a number, and that number of frames. */
function fetchList<T>(
  direct: DirectProtocols,
  peer: string,
  signal: AbortSignal,
  { protocol, request, count, frameBytes, read }: ListExchange<T>,
): Promise<readonly T[]> {
  return direct.exchange(peerIdFromString(peer), protocol, signal, async (stream, { whole, firstByte }) => {
    await stream.writeFrame(request, whole)
    const length = count(await firstByte((first) => stream.readFrame(first)))
    const items: T[] = []
    while (items.length < length) items.push(read(await stream.readFrame(whole, frameBytes)))
    return items
  })
}
