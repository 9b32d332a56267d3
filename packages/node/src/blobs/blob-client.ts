import type { DirectProtocols } from '../transport/direct-protocols.js'
import { type BlobChannel, createBlobChannel } from './blob-channel.js'
import { createTransferProgress, type TransferProgress } from './transfer-progress.js'

/** Pulls blobs from peers, over one lasting stream per peer. */
export interface BlobClient {
  /**
   * Pulls blob `cid`, which is exactly `into.byteLength` bytes long, from where `progress` is. Nothing reads the bytes
   * before their hash is verified, and nothing writes any after the promise has settled. Throws E_NOT_FOUND,
   * E_HASH_MISMATCH, E_MALFORMED, E_TIMEOUT, E_STREAM …; `progress` then says how much of `into` is of use.
   */
  fetch(
    peer: string,
    cid: string,
    into: Uint8Array,
    signal: AbortSignal,
    progress?: TransferProgress,
  ): Promise<void>
}

export function createBlobClient(direct: DirectProtocols): BlobClient {
  const channels = new Map<string, BlobChannel>()
  return {
    fetch(peer, cid, into, signal, progress = createTransferProgress()) {
      let channel = channels.get(peer)
      if (channel === undefined) {
        channel = createBlobChannel(direct, peer, () => channels.delete(peer))
        channels.set(peer, channel)
      }
      return channel.fetch(cid, into, signal, progress)
    },
  }
}
