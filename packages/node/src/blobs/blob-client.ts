import type { DirectProtocols } from '../transport/direct-protocols.js'
import type { RunNetwork } from '../transport/network.js'
import { type BlobChannel, createBlobChannel } from './blob-channel.js'
import { createTransferProgress } from './transfer-progress.js'

/** Pulls blobs from peers, over one lasting stream per peer. */
export interface BlobClient {
  /** `RunNetwork.fetchModel`. Nothing writes into `into` after the promise has settled. */
  fetch: RunNetwork['fetchModel']
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
