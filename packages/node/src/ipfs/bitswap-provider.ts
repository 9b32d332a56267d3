import type { Connection } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import { type BitswapMessage, encodeWants } from './bitswap-message.js'
import { blockKey } from './ipfs-cid.js'

/** One peer that is asked for blocks. After its first failure it is not asked again. */
export interface BitswapProvider {
  /** A block that matches its CID. Throws NodeError; E_NOT_FOUND when the peer says that it does not have it. */
  ask(cid: CID): Promise<Uint8Array>
  take(message: BitswapMessage): void
  fail(code: NodeError['code'], message: string, cause?: unknown): void
}

export interface BitswapProviderInit {
  readonly connection: Connection
  /** How long the peer may take until its next block. */
  readonly idleMs: number
  /** Sends a message to the peer. */
  send(message: Uint8Array): Promise<void>
}

interface Question {
  readonly cid: CID
  resolve(bytes: Uint8Array): void
  reject(error: NodeError): void
}

export function createBitswapProvider(
  { clock }: { readonly clock: Clock },
  { connection, idleMs, send }: BitswapProviderInit,
): BitswapProvider {
  const peer = connection.remotePeer.toString()
  const open = new Map<string, Question>()
  /** Keys of everything that it was ever asked for. */
  const asked = new Set<string>()
  let outbox: { cid: CID; cancel: boolean }[] = []
  let posting = false
  let cancelTimer: (() => void) | undefined
  let failure: NodeError | undefined

  const fail: BitswapProvider['fail'] = (code, message, cause) => {
    failure ??= new NodeError(code, `${peer} ${message}`, { peer }, cause)
    cancelTimer?.()
    for (const question of open.values()) question.reject(failure)
    open.clear()
  }
  const expectBlock = (): void => {
    cancelTimer?.()
    cancelTimer =
      open.size === 0
        ? undefined
        : clock.after(idleMs, () => fail('E_TIMEOUT', `sent no block for ${idleMs / 1000} s`))
  }
  /** What is asked for in one turn goes in one message. */
  const post = async (): Promise<void> => {
    if (posting) return
    posting = true
    try {
      await Promise.resolve()
      while (outbox.length > 0 && failure === undefined) {
        const wants = outbox
        outbox = []
        await send(encodeWants(wants))
      }
    } catch (error) {
      const code = error instanceof NodeError ? error.code : 'E_STREAM'
      fail(code, `cannot be queried: ${errorMessage(error)}`, error)
    } finally {
      posting = false
    }
  }
  const settle = (key: string, how: (question: Question) => void): void => {
    const question = open.get(key)
    if (question === undefined) return
    open.delete(key)
    how(question)
    // Without this a peer would not send the block a second time.
    outbox.push({ cid: question.cid, cancel: true })
    expectBlock()
    void post()
  }
  return {
    fail,
    ask: (cid) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure)
          return
        }
        const key = blockKey(cid)
        open.set(key, { cid, resolve, reject })
        asked.add(key)
        outbox.push({ cid, cancel: false })
        if (cancelTimer === undefined) expectBlock()
        void post()
      }),
    take({ blocks, presences }) {
      if (failure !== undefined) return
      if (blocks.some(({ key }) => !asked.has(key))) {
        fail('E_HASH_MISMATCH', 'sent bytes that do not match the requested block')
        return
      }
      for (const { key, bytes } of blocks) settle(key, (question) => question.resolve(bytes))
      for (const { cid, has } of presences)
        if (!has)
          settle(blockKey(cid), (question) =>
            question.reject(new NodeError('E_NOT_FOUND', `${peer} does not have block ${cid}`)),
          )
    },
  }
}
