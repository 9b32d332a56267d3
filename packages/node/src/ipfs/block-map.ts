import type { CID } from 'multiformats/cid'
import { blockKey } from './ipfs-cid.js'

/** Blocks that are served, by their hash. */
export interface BlockMap {
  put(cid: CID, bytes: Uint8Array): void
  get(cid: CID): Uint8Array | undefined
  readonly size: number
}

export function createBlockMap(): BlockMap {
  const blocks = new Map<string, Uint8Array>()
  return {
    put(cid, bytes) {
      blocks.set(blockKey(cid), bytes)
    },
    get: (cid) => blocks.get(blockKey(cid)),
    get size() {
      return blocks.size
    },
  }
}
