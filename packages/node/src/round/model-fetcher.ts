import { setMaxListeners } from 'node:events'
import { MODEL_HEADER_BYTES, type SignedAnnouncement } from '@tempered/protocol'
import { createModelPool } from '../blobs/model-pool.js'
import type { OpenBlob } from '../blobs/open-blob.js'
import { createTransferProgress } from '../blobs/transfer-progress.js'
import { type Clock, sleep } from '../clock.js'
import { errorCode, NodeError } from '../errors.js'
import { modelFlaw } from '../evidence/judge.js'
import type { BorrowedModel, RunNetwork } from '../transport/network.js'

/** Pulls neighbours' models, with retries, and keeps them until their round is over. Buffers are reused. */
export interface ModelFetcher {
  /** Starts a transfer; its outcome goes to `onOutcome`. */
  fetch(peer: string, announcement: SignedAnnouncement): void
  /** The model of a finished transfer; `arrivedMs` is on the monotonic clock. */
  take(
    peer: string,
    round: number,
  ): { parameters: Float32Array; announcement: SignedAnnouncement; arrivedMs: number } | undefined
  /** A model that has arrived, for others whose transfer from its author broke. */
  open(cid: string): OpenBlob | undefined
  /** Cancels and releases everything of rounds below `round`. */
  forget(round: number): void
  /** Cancels all transfers; models that have arrived can still be read. */
  stop(): void
  /** Releases everything, once no round reads a model any more. */
  close(): void
}

export interface ModelFetcherInit {
  readonly network: Pick<RunNetwork, 'fetchModel' | 'borrowModel'>
  readonly clock: Clock
  readonly parameterCount: number
  /** Peers that may hold a model of `author` too; default: none. */
  holders?(author: string): readonly string[]
  /** `code` is undefined for success. */
  onOutcome(peer: string, round: number, model: string, code: string | undefined): void
  /** The received bytes have the announced hash but are not a model that a round can use; copy them if needed. */
  onInvalid(announcement: SignedAnnouncement, bytes: Uint8Array): void
}

interface Transfer {
  readonly announcement: SignedAnnouncement
  /** The round's. */
  readonly signal: AbortSignal
  /** The node's own buffer, or memory that it shares with others; undefined until a borrowed model has arrived. */
  held: BorrowedModel | undefined
  /** The bytes have arrived, checked and finite. */
  done: boolean
  /** Nothing writes into the buffer any more. */
  settled: boolean
  /** The buffer belongs to the pool again. */
  released: boolean
  arrivedMs: number
}

/** Transfers of one round, by peer, which end together. */
interface RoundTransfers {
  readonly controller: AbortController
  readonly byPeer: Map<string, Transfer>
}

function createRoundTransfers(): RoundTransfers {
  const controller = new AbortController()
  // Each transfer listens while it runs.
  setMaxListeners(0, controller.signal)
  return { controller, byPeer: new Map() }
}

/** A peer may announce before it serves, or a stream may break: these errors are worth a retry. */
const RETRYABLE = new Set(['E_STREAM', 'E_NO_CONNECTION', 'E_NOT_FOUND', 'E_NOT_ADMITTED'])
const ATTEMPTS = 5
const FIRST_RETRY_MS = 100

export function createModelFetcher(init: ModelFetcherInit): ModelFetcher {
  const { network, clock, parameterCount } = init
  const byRound = new Map<number, RoundTransfers>()
  const pool = createModelPool(parameterCount)

  const release = (transfer: Transfer): void => {
    transfer.released = true
    transfer.held?.giveBack()
  }

  const ownBuffer = (): BorrowedModel => {
    const model = pool.take()
    return { model, sound: false, giveBack: () => pool.give(model) }
  }

  /** Attempts to get the model into `transfer.held`. */
  const attempts = (author: string, transfer: Transfer): (() => Promise<void>) => {
    const { signal } = transfer
    const cid = transfer.announcement.body.model.toString()
    const { borrowModel } = network
    if (borrowModel !== undefined)
      return async () => {
        const borrowed = await borrowModel(author, cid, MODEL_HEADER_BYTES + 4 * parameterCount, signal)
        transfer.held = borrowed
      }
    const held = ownBuffer()
    transfer.held = held
    return fetchResumed(network, author, cid, held.model.bytes, signal, () => init.holders?.(author) ?? [])
  }

  /** Reports a model that a round cannot use, and throws why. */
  const check = ({ announcement, held }: Transfer): void => {
    const borrowed = held as BorrowedModel
    if (borrowed.sound) return
    const { bytes } = borrowed.model
    const flaw = modelFlaw(bytes, parameterCount)
    borrowed.sound = flaw === undefined
    if (flaw === undefined) return
    init.onInvalid(announcement, bytes)
    throw flaw
  }

  const pull = async (author: string, transfer: Transfer): Promise<void> => {
    const { signal } = transfer
    const attempt = attempts(author, transfer)
    for (let count = 1; ; count++) {
      try {
        await attempt()
        check(transfer)
        return
      } catch (error) {
        if (signal.aborted || count >= ATTEMPTS || !RETRYABLE.has(errorCode(error))) throw error
        await sleep(clock, FIRST_RETRY_MS * 2 ** (count - 1), signal)
        signal.throwIfAborted()
      }
    }
  }

  return {
    fetch(peer, announcement) {
      const { round, model } = announcement.body
      const transfers = byRound.get(round) ?? createRoundTransfers()
      byRound.set(round, transfers)
      if (transfers.byPeer.has(peer)) return
      const transfer: Transfer = {
        announcement,
        signal: transfers.controller.signal,
        held: undefined,
        done: false,
        settled: false,
        released: false,
        arrivedMs: 0,
      }
      transfers.byPeer.set(peer, transfer)
      const settle = (code: string | undefined): void => {
        transfer.settled = true
        transfer.arrivedMs = clock.monotonicMs()
        if (transfer.signal.aborted) {
          release(transfer)
          return
        }
        transfer.done = code === undefined
        init.onOutcome(peer, round, model.toString(), code)
      }
      pull(peer, transfer).then(
        () => settle(undefined),
        (error) => settle(errorCode(error)),
      )
    },
    take(peer, round) {
      const transfer = byRound.get(round)?.byPeer.get(peer)
      if (transfer === undefined || !transfer.done) return undefined
      const { held, announcement, arrivedMs } = transfer
      return { parameters: (held as BorrowedModel).model.parameters, announcement, arrivedMs }
    },
    open(cid) {
      for (const { byPeer } of byRound.values()) {
        for (const transfer of byPeer.values()) {
          if (transfer.done && transfer.announcement.body.model.toString() === cid)
            return openTransfer(transfer)
        }
      }
      return undefined
    },
    forget(round) {
      for (const [old, { controller, byPeer }] of byRound) {
        if (old >= round) continue
        byRound.delete(old)
        const transfers = [...byPeer.values()]
        for (const transfer of transfers) if (transfer.settled) release(transfer)
        // Those that still run release themselves when they have ended.
        if (transfers.some(({ settled }) => !settled))
          controller.abort(new DOMException('the round is over', 'AbortError'))
      }
    },
    stop() {
      for (const { controller } of byRound.values()) controller.abort(new DOMException('stop', 'AbortError'))
    },
    close() {
      for (const { byPeer } of byRound.values())
        for (const transfer of byPeer.values()) if (transfer.settled) release(transfer)
      byRound.clear()
      pool.close()
    },
  }
}

/**
 * Attempts to get a blob, each from where the last one broke off: from its author, and, when that breaks again in the
 * middle, the rest from whoever else has it. A blob that others have spoilt is fetched whole from its author.
 */
function fetchResumed(
  network: ModelFetcherInit['network'],
  author: string,
  cid: string,
  into: Uint8Array,
  signal: AbortSignal,
  holders: () => readonly string[],
): () => Promise<void> {
  const progress = createTransferProgress()
  let hasBroken = false
  let authorOnly = false

  /** Whether the rest came from another holder. */
  const fetchRest = async (): Promise<boolean> => {
    for (const holder of authorOnly ? [] : holders()) {
      try {
        await network.fetchModel(holder, cid, into, signal, progress)
        return true
      } catch (error) {
        signal.throwIfAborted()
        if (errorCode(error) === 'E_HASH_MISMATCH') throw error
      }
    }
    return false
  }
  const fetch = async (): Promise<void> => {
    const resumed = hasBroken
    try {
      await network.fetchModel(author, cid, into, signal, progress)
    } catch (error) {
      hasBroken = progress.received > 0
      const isOver = signal.aborted || !RETRYABLE.has(errorCode(error))
      if (isOver || !resumed || !(await fetchRest())) throw error
    }
  }
  return async () => {
    try {
      await fetch()
    } catch (error) {
      const isSpoilt = [...progress.senders].some((sender) => sender !== author)
      if (errorCode(error) !== 'E_HASH_MISMATCH' || !isSpoilt) throw error
      authorOnly = true
      progress.restart()
      await fetch()
    }
  }
}

/** Reads copy: the buffer may be used for another model while libp2p still has their bytes. */
function openTransfer(transfer: Transfer): OpenBlob {
  const { bytes } = (transfer.held as BorrowedModel).model
  return {
    byteLength: bytes.byteLength,
    async read(offset, length) {
      if (transfer.released) throw new NodeError('E_NOT_FOUND', 'the round of this model is over')
      return bytes.slice(offset, offset + length)
    },
    close: async () => undefined,
  }
}
