import { LIMITS } from '@tempered/protocol'
import type { OpenBlob } from '../blobs/open-blob.js'
import type { LocalSource } from '../transport/network.js'
import type { NodeState } from './node-state.js'

/**
 * What other members can request from this node, based on its state.
 *
 * @param openModel a neighbour's model that this node has received
 */
export function createLocalSource(
  { ledger, blobs, witness, history, evidence }: NodeState,
  openModel: (cid: string) => OpenBlob | undefined,
): LocalSource {
  return {
    announcements: history.announcements,
    head: history.head,
    digests: witness.digests,
    evidence: () => evidence.all,
    blob: async (cid) => (await blobs.open(cid)) ?? openModel(cid),
    entries: (from) => ledger.entries(from, LIMITS.maxEntriesPerReply),
    finalHeads: witness.finalHeads,
    newestHead: witness.newestHead,
  }
}
