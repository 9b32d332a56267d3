import type { Connection, Libp2p } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import { type BitswapMessage, encodeWants } from './bitswap-message.js'
import { createBitswapNetwork } from './bitswap-network.js'
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

interface Question {
  readonly cid: CID
  resolve(bytes: Uint8Array): void
  reject(error: NodeError): void
}

interface Provider {
  readonly id: string
  readonly connection: Connection
  readonly open: Map<string, Question>
  /** Keys of everything that it was ever asked for. */
  readonly asked: Set<string>
  readonly outbox: { cid: CID; cancel: boolean }[]
  posting: boolean
  cancelTimer: (() => void) | undefined
  /** Why it is not asked any more. */
  failure: NodeError | undefined
}

/** Which of several peers' failures says most about why there is no block. */
const GRAVITY: Readonly<Partial<Record<NodeError['code'], number>>> = {
  E_HASH_MISMATCH: 5,
  E_MALFORMED: 4,
  E_TOO_LARGE: 4,
  E_TIMEOUT: 3,
  E_STREAM: 2,
  E_NO_CONNECTION: 1,
}

/** Asks peers for blocks, each for one block after the other until one has it. */
export async function createBitswapClient(
  components: { readonly libp2p: Libp2p; readonly clock: Clock },
  { idleMs }: BitswapClientInit,
): Promise<BitswapClient> {
  const { libp2p, clock } = components
  const providers = new Map<string, Provider>()
  /** Blocks that are being asked for; a file may contain one several times. */
  const pending = new Map<string, Promise<Uint8Array>>()

  const fail = (provider: Provider, error: NodeError): void => {
    provider.failure ??= error
    provider.cancelTimer?.()
    for (const question of [...provider.open.values()]) question.reject(provider.failure)
    provider.open.clear()
  }
  /** Expects another block within `idleMs`, if any is asked for. */
  const expect = (provider: Provider): void => {
    provider.cancelTimer?.()
    provider.cancelTimer =
      provider.open.size === 0
        ? undefined
        : clock.after(idleMs, () =>
            fail(
              provider,
              new NodeError('E_TIMEOUT', `${provider.id} sent no block for ${idleMs / 1000} s`, {
                peer: provider.id,
              }),
            ),
          )
  }
  const post = async (provider: Provider): Promise<void> => {
    if (provider.posting) return
    provider.posting = true
    try {
      // What is asked for in one turn goes in one message.
      await Promise.resolve()
      while (provider.outbox.length > 0 && provider.failure === undefined)
        await network.send(provider.connection, [encodeWants(provider.outbox.splice(0))])
    } catch (error) {
      const why = /protocol selection failed|could not negotiate|unsupported/i.test(errorMessage(error))
        ? 'it does not speak bitswap 1.2.0'
        : errorMessage(error)
      const code = error instanceof NodeError ? error.code : 'E_STREAM'
      fail(
        provider,
        new NodeError(code, `${provider.id} cannot be asked: ${why}`, { peer: provider.id }, error),
      )
    } finally {
      provider.posting = false
    }
  }
  const ask = (provider: Provider, cid: CID): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      if (provider.failure !== undefined) {
        reject(provider.failure)
        return
      }
      const key = blockKey(cid)
      provider.open.set(key, { cid, resolve, reject })
      provider.asked.add(key)
      provider.outbox.push({ cid, cancel: false })
      if (provider.cancelTimer === undefined) expect(provider)
      void post(provider)
    })
  const settle = (provider: Provider, key: string, how: (question: Question) => void): void => {
    const question = provider.open.get(key)
    if (question === undefined) return
    provider.open.delete(key)
    how(question)
    // Without this a peer would not send the block a second time.
    provider.outbox.push({ cid: question.cid, cancel: true })
    expect(provider)
  }
  const take = (provider: Provider, { blocks, presences }: BitswapMessage): void => {
    for (const { key, bytes } of blocks) {
      if (!provider.asked.has(key)) {
        fail(
          provider,
          new NodeError(
            'E_HASH_MISMATCH',
            `${provider.id} sent bytes that do not match what it was asked for`,
            {
              peer: provider.id,
            },
          ),
        )
        return
      }
      settle(provider, key, (question) => question.resolve(bytes))
    }
    for (const { cid, has } of presences)
      if (!has)
        settle(provider, blockKey(cid), (question) =>
          question.reject(new NodeError('E_NOT_FOUND', `${provider.id} does not have block ${cid}`)),
        )
    void post(provider)
  }
  const providerOf = ({ remotePeer }: Connection) => providers.get(remotePeer.toString())
  const network = await createBitswapNetwork(components, {
    maxMessageBytes: IPFS_LIMITS.maxAnswerBytes,
    sendMs: idleMs,
    onMessage(connection, message) {
      const provider = providerOf(connection)
      if (provider !== undefined && provider.failure === undefined) take(provider, message)
    },
    onBadMessage(connection, error) {
      const provider = providerOf(connection)
      if (provider !== undefined)
        fail(
          provider,
          new NodeError(error.code, `${provider.id}: ${error.message}`, { peer: provider.id }, error),
        )
    },
  })
  const onDisconnect = ({ detail }: { readonly detail: { toString(): string } }): void => {
    const provider = providers.get(detail.toString())
    if (provider !== undefined)
      fail(provider, new NodeError('E_NO_CONNECTION', `${provider.id} hung up`, { peer: provider.id }))
  }
  libp2p.addEventListener('peer:disconnect', onDisconnect)

  const find = async (cid: CID): Promise<Uint8Array> => {
    const failures: NodeError[] = []
    for (const provider of providers.values()) {
      try {
        return await ask(provider, cid)
      } catch (error) {
        if (!(error instanceof NodeError)) throw error
        failures.push(error)
      }
    }
    const gravest = failures
      .filter(({ code }) => GRAVITY[code] !== undefined)
      .sort((a, b) => GRAVITY[b.code]! - GRAVITY[a.code]!)[0]
    throw (
      gravest ??
      new NodeError('E_NOT_FOUND', `none of the peers that were asked has block ${cid}`, {
        cid: cid.toString(),
      })
    )
  }
  return {
    addPeer(connection) {
      const id = connection.remotePeer.toString()
      if (providers.has(id)) return
      providers.set(id, {
        id,
        connection,
        open: new Map(),
        asked: new Set(),
        outbox: [],
        posting: false,
        cancelTimer: undefined,
        failure: undefined,
      })
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
      for (const provider of providers.values())
        fail(provider, new NodeError('E_STOPPED', 'the fetch was stopped'))
      await network.stop()
    },
  }
}
