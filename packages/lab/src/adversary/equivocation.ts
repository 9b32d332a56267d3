import { type ModelPublisher, type NodeComponents, openBytes } from '@tempered/node'
import { blobCid, encodeModel, type SignedAnnouncement, signAnnouncement } from '@tempered/protocol'
import type { Crafter } from './types.js'

/** Number of last rounds whose second models are served, as honest nodes serve their last rounds. */
const SERVED_ROUNDS = 4

/**
 * An equivocator. In each round it stores, signs and announces one model like everyone else. Then it signs, announces
 * and serves a second one. Its ledger records the first.
 */
export function equivocatingNetwork(
  craft: Crafter,
  active: (round: number) => boolean,
): Pick<NodeComponents, 'createNetwork'> & { readonly publisher: ModelPublisher } {
  const seconds = new Map<number, Float32Array>()
  const served = new Map<string, Uint8Array>()
  return {
    publisher: {
      async prepare(round, trained, start) {
        if (!active(round)) return trained
        seconds.set(round, await craft(round, trained, start, 1))
        return craft(round, trained, start, 0)
      },
    },
    createNetwork(parts, makeLibp2p) {
      const { local, signer } = parts
      const network = makeLibp2p({
        ...parts,
        local: {
          ...local,
          async blob(cid, peer) {
            const second = served.get(cid)
            return second === undefined ? local.blob(cid, peer) : openBytes(second)
          },
        },
      })
      const tellOtherwise = (first: SignedAnnouncement): SignedAnnouncement | undefined => {
        const { version: _, author: __, ...body } = first.body
        const second = seconds.get(body.round)
        seconds.delete(body.round)
        if (second === undefined) return undefined
        const bytes = encodeModel(second)
        const model = blobCid(bytes)
        served.set(model.toString(), bytes)
        for (const old of served.keys()) {
          if (served.size <= SERVED_ROUNDS) break
          served.delete(old)
        }
        return signAnnouncement({ ...body, model }, signer)
      }
      return {
        ...network,
        async announce(message) {
          await network.announce(message)
          const second = tellOtherwise(message)
          if (second !== undefined) await network.announce(second)
        },
      }
    },
  }
}
