import { blobCid } from '@tempered/protocol'
import { type OpenBlob, openBytes } from '../blobs/open-blob.js'

/** What a node serves of its private rounds: each blob to those whom it is for, and to nobody else. */
export interface OfferedBlobs {
  /** `cid`: of the bytes, if it is known. */
  offer(round: number, bytes: Uint8Array, to: ReadonlySet<string>, cid?: string): void
  open(cid: string, peer: string): OpenBlob | undefined
  /** Nothing of rounds below this one is offered any more. */
  forget(round: number): void
}

export function createOfferedBlobs(): OfferedBlobs {
  const byRound = new Map<number, Map<string, { readonly bytes: Uint8Array; readonly to: Set<string> }>>()
  return {
    offer(round, bytes, to, cid = blobCid(bytes).toString()) {
      const offered = byRound.get(round) ?? new Map<string, { bytes: Uint8Array; to: Set<string> }>()
      byRound.set(round, offered)
      const known = offered.get(cid) ?? { bytes, to: new Set<string>() }
      offered.set(cid, known)
      for (const peer of to) known.to.add(peer)
    },
    open(cid, peer) {
      for (const offered of byRound.values()) {
        const found = offered.get(cid)
        if (found?.to.has(peer)) return openBytes(found.bytes)
      }
      return undefined
    },
    forget(round) {
      for (const old of byRound.keys()) if (old < round) byRound.delete(old)
    },
  }
}
