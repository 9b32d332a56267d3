import { LIMITS } from '@tempered/protocol'
import type { LocalSource } from '../transport/network.js'
import type { NodeState } from './node-state.js'

/** What other members can request from this node, based on its state. */
export function createLocalSource({ ledger, blobs, witness, history, evidence }: NodeState): LocalSource {
  return {
    announcements: history.announcements,
    head: history.head,
    digests: witness.digests,
    evidence: () => evidence.all,
    blob: (cid) => blobs.open(cid),
    entries: (from) => ledger.entries(from, LIMITS.maxEntriesPerReply),
    finalHeads: witness.finalHeads,
    newestHead: witness.newestHead,
  }
}
