import type { Connection, Libp2p } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { Clock } from '../clock.js'
import { encodeBlock, encodePresences, type Want } from './bitswap-message.js'
import { createBitswapNetwork } from './bitswap-network.js'
import type { BlockMap } from './block-map.js'
import { blockKey } from './ipfs-cid.js'
import { IPFS_LIMITS } from './ipfs-limits.js'

export interface BitswapServerInit {
  /** How long a peer may take to receive one block. */
  readonly sendMs: number
  /** A block has been handed to the connection with a peer. */
  onSent?(peer: string, cid: CID, byteLength: number): void
}

/** What one peer waits for. Wants for blocks that we do not have are answered and forgotten. */
interface Asker {
  connection: Connection
  readonly wants: Map<string, CID>
  readonly answers: Map<string, { readonly cid: CID; readonly has: boolean }>
  sending: boolean
}

/**
 * Serves blocks to whoever asks. Of each peer it remembers a bounded list of CIDs, and sends it one block at a time, so
 * what peers can make it hold does not depend on how much they ask for.
 */
export async function serveBitswap(
  components: { readonly libp2p: Libp2p; readonly clock: Clock; readonly blocks: BlockMap },
  { sendMs, onSent }: BitswapServerInit,
): Promise<{ stop(): Promise<void> }> {
  const { libp2p, blocks } = components
  const askers = new Map<string, Asker>()

  const noteWant = (asker: Asker, { cid, cancel, haveOnly, sendDontHave }: Want): void => {
    const key = blockKey(cid)
    if (cancel) {
      asker.wants.delete(key)
      return
    }
    const has = blocks.get(cid) !== undefined
    if (has && !haveOnly) add(asker.wants, key, cid)
    else if (has || sendDontHave) add(asker.answers, key, { cid, has })
  }

  /** The messages that an asker is due, each made when the one before it has left. */
  function* due(asker: Asker, peer: string): Generator<Uint8Array | Uint8ArrayList> {
    for (;;) {
      if (asker.answers.size > 0) {
        const answers = [...asker.answers.values()]
        asker.answers.clear()
        yield encodePresences(answers)
      }
      const [next] = asker.wants
      if (next === undefined) {
        if (asker.answers.size > 0) continue
        return
      }
      const [key, cid] = next
      asker.wants.delete(key)
      const block = blocks.get(cid)
      if (block === undefined) continue
      yield encodeBlock(cid, block)
      onSent?.(peer, cid, block.byteLength)
    }
  }

  const serve = async (asker: Asker, peer: string): Promise<void> => {
    if (asker.sending) return
    asker.sending = true
    try {
      while (asker.wants.size + asker.answers.size > 0) await network.send(asker.connection, due(asker, peer))
    } catch {
      // A peer that does not receive asks again if it still wants something.
      asker.wants.clear()
      asker.answers.clear()
    } finally {
      asker.sending = false
    }
  }

  const network = await createBitswapNetwork(components, {
    maxMessageBytes: IPFS_LIMITS.maxQuestionBytes,
    sendMs,
    onMessage(connection, message) {
      const peer = connection.remotePeer.toString()
      const asker = askers.get(peer) ?? { connection, wants: new Map(), answers: new Map(), sending: false }
      askers.set(peer, asker)
      asker.connection = connection
      if (message.full) asker.wants.clear()
      for (const want of message.wants) noteWant(asker, want)
      void serve(asker, peer)
    },
  })
  const onDisconnect = ({ detail }: { readonly detail: { toString(): string } }): void => {
    askers.delete(detail.toString())
  }
  libp2p.addEventListener('peer:disconnect', onDisconnect)
  return {
    async stop() {
      libp2p.removeEventListener('peer:disconnect', onDisconnect)
      await network.stop()
    },
  }
}

function add<T>(list: Map<string, T>, key: string, value: T): void {
  if (list.size < IPFS_LIMITS.maxWantsPerPeer) list.set(key, value)
}
