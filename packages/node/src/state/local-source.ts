import type { Block } from '@tempered/chain'
import { LIMITS } from '@tempered/protocol'
import type { OpenBlob } from '../blobs/open-blob.js'
import type { LocalSource } from '../transport/network.js'
import type { NodeState } from './node-state.js'

/**
 * What other members can request from this node, based on its state.
 *
 * @param self peer id of this node
 * @param openModel a neighbour's model that this node has received
 * @param chainFrom blocks of the common chain
 * @param shared what this node has to do with private rounds
 * @param copyOf entries of another member's ledger from a height on
 */
export function createLocalSource(
  { ledger, blobs, witness, history, evidence }: NodeState,
  self: string,
  openModel: (cid: string) => OpenBlob | undefined,
  chainFrom: (height: number) => readonly Block[],
  copyOf: (author: string, from: number) => readonly Uint8Array[],
  shared: {
    open(cid: string, peer: string): OpenBlob | undefined
    words(round: number): readonly Uint8Array[]
  },
): LocalSource {
  return {
    announcements: history.announcements,
    head: history.head,
    digests: witness.digests,
    evidence: () => evidence.all,
    blob: async (cid, peer) => shared.open(cid, peer) ?? (await blobs.open(cid)) ?? openModel(cid),
    groupWords: shared.words,
    entries: async (from, author) =>
      author === undefined || author === self
        ? ledger.entries(from, LIMITS.maxEntriesPerReply)
        : copyOf(author, from),
    finalHeads: witness.finalHeads,
    blocks: (from) =>
      chainFrom(from)
        .slice(0, LIMITS.maxBlocksPerReply)
        .map(({ bytes }) => bytes),
    newestHead: witness.newestHead,
  }
}
