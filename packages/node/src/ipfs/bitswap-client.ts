import type { Connection, Libp2p } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import { createBitswapNetwork } from './bitswap-network.js'
import { type BitswapProvider, createBitswapProvider } from './bitswap-provider.js'
import { blockKey } from './ipfs-cid.js'
import { IPFS_LIMITS } from './ipfs-limits.js'

export interface BitswapClient {
  /** Lets a connected peer be asked. */
  addPeer(connection: Connection): void
  /**
   * A block that matches its CID, from the first peer that gives it. Throws NodeError: E_HASH_MISMATCH, E_MALFORMED or
   * E_TOO_LARGE for what a peer sent instead, E_TIMEOUT, E_NO_CONNECTION, E_STREAM, and E_NOT_FOUND when nobody has it.
   */
  get(cid: CID): Promise<Uint8Array>
  stop(): Promise<void>
}

export interface BitswapClientInit {
  /** How long a peer may take until its next block. */
  readonly idleMs: number
}

/** Which of several peers' failures says most about why there is no block; the gravest first. */
const GRAVITY: readonly NodeError['code'][] = [
  'E_HASH_MISMATCH',
  'E_MALFORMED',
  'E_TOO_LARGE',
  'E_TIMEOUT',
  'E_STREAM',
  'E_NO_CONNECTION',
]

/** Asks the connected peers for blocks, one peer after the other until one has it. */
export async function createBitswapClient(
  components: { readonly libp2p: Libp2p; readonly clock: Clock },
  { idleMs }: BitswapClientInit,
): Promise<BitswapClient> {
  const { libp2p } = components
  const providers = new Map<string, BitswapProvider>()
  /** Blocks that are being asked for; a file may contain one several times. */
  const pending = new Map<string, Promise<Uint8Array>>()

  const providerOf = ({ remotePeer }: Connection) => providers.get(remotePeer.toString())
  const network = await createBitswapNetwork(components, {
    maxMessageBytes: IPFS_LIMITS.maxAnswerBytes,
    sendMs: idleMs,
    onMessage: (connection, message) => providerOf(connection)?.take(message),
    onBadMessage: (connection, error) =>
      providerOf(connection)?.fail(error.code, `sent an invalid message: ${error.message}`, error),
  })
  const onDisconnect = ({ detail }: { readonly detail: { toString(): string } }): void =>
    providers.get(detail.toString())?.fail('E_NO_CONNECTION', 'closed the connection')
  libp2p.addEventListener('peer:disconnect', onDisconnect)

  const find = async (cid: CID): Promise<Uint8Array> => {
    const failures: NodeError[] = []
    for (const provider of providers.values()) {
      try {
        return await provider.ask(cid)
      } catch (error) {
        if (!(error instanceof NodeError)) throw error
        failures.push(error)
      }
    }
    for (const grave of GRAVITY) {
      const failure = failures.find(({ code }) => code === grave)
      if (failure !== undefined) throw failure
    }
    throw new NodeError('E_NOT_FOUND', `no connected peer has block ${cid}`, {
      cid: cid.toString(),
    })
  }
  return {
    addPeer(connection) {
      const id = connection.remotePeer.toString()
      if (providers.has(id)) return
      const send = (message: Uint8Array) => network.send(connection, [message])
      providers.set(id, createBitswapProvider(components, { connection, idleMs, send }))
    },
    get(cid) {
      const key = blockKey(cid)
      const running = pending.get(key)
      if (running !== undefined) return running
      const found = find(cid).finally(() => pending.delete(key))
      pending.set(key, found)
      return found
    },
    async stop() {
      libp2p.removeEventListener('peer:disconnect', onDisconnect)
      for (const provider of providers.values()) provider.fail('E_STOPPED', 'is no longer used')
      await network.stop()
    },
  }
}
