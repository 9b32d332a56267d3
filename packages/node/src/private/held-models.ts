import { MODEL_HEADER_BYTES, modelOver } from '@tempered/protocol'
import type { RunNetwork } from '../transport/network.js'

/** Bytes of a model that this node has itself, by CID. */
export type HeldModel = (cid: string) => Uint8Array | undefined

/** A network that fetches no model which this node has itself: all members of a group announce the same one. */
export function withoutOwnFetches(network: RunNetwork, held: HeldModel): RunNetwork {
  const { borrowModel } = network
  return {
    ...network,
    async fetchModel(peer, cid, into, signal, progress) {
      const bytes = held(cid)
      if (bytes === undefined || bytes.byteLength !== into.byteLength)
        return network.fetchModel(peer, cid, into, signal, progress)
      into.set(bytes)
    },
    ...(borrowModel && {
      async borrowModel(peer, cid, byteLength, signal) {
        const bytes = held(cid)
        if (bytes === undefined || bytes.byteLength !== byteLength)
          return borrowModel(peer, cid, byteLength, signal)
        return {
          model: modelOver(bytes, (byteLength - MODEL_HEADER_BYTES) / 4),
          sound: false,
          giveBack: () => undefined,
        }
      },
    }),
  }
}
