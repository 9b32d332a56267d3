import {
  type Amendment,
  approveChange,
  type ChangeMessage,
  type EpochBook,
  encodeCanonical,
  equalBytes,
  LIMITS,
  type Offer,
  openChange,
  openEpochs,
  ProtocolError,
  proposeChange,
  type Run,
  type Signer,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { errorMessage } from '../errors.js'
import type { Logger } from '../logger.js'
import type { ChangeStore } from './change-store.js'
import { problemOf } from './run-rules.js'

/** @param via - how it was heard of; `self` for what this node has signed */
export type NewsListener = (message: ChangeMessage, offer: Offer, via: 'gossip' | 'peer' | 'self') => void

/**
 * What a node knows of the changes of its run: it outlives the epochs that they lead to. Everything that comes in goes
 * through `take`, whether by gossip, from a neighbour, from a ledger or from the operator.
 */
export interface Membership {
  /** The run as its manifest was made. */
  readonly base: Run
  /** Decided changes in order of effect, with why some of them do nothing. */
  readonly decided: EpochBook['decided']
  /** Changes that wait for signatures. */
  readonly pending: EpochBook['pending']
  /** The run in a round, as far as is known here. */
  at(round: number): Run
  /** The run in the epoch whose members decide about a change. */
  epochOf(message: ChangeMessage): Run | undefined
  wasEverMember(peer: string): boolean
  /** Changes that hold in the round that the node is in. */
  inForce(): readonly CID[]
  /**
   * Takes a change: checks it, keeps it, and reports it to `onNews` unless it is known. Throws what `openChange` and
   * `EpochBook.offer` throw; E_CHANGE for one that comes too late, unless most neighbours have it in force.
   */
  take(bytes: Uint8Array, via?: 'gossip' | 'peer' | 'self'): Offer
  /**
   * Signs a change that makes this amendment: one that waits for signatures, or a new one from round `from` on. Throws
   * E_CHANGE when it would have no effect.
   */
  propose(amendment: Amendment, from: number, signer: Signer): ChangeMessage
  /** Signs a change that waits. Throws E_CHANGE when there is none with this CID, or it ends so in several. */
  approve(cid: string, signer: Signer): ChangeMessage
  /** Adds the signature of another key to a change. */
  countersign(message: ChangeMessage, signer: Signer): ChangeMessage
  /** A neighbour says which changes hold for it. */
  noteInForce(peer: string, changes: readonly CID[]): void
  /** The node is in this round now, with these neighbours. */
  enter(round: number, neighbours: readonly string[]): void
  /** The round that the node is in. */
  readonly round: number
  /** Calls `listener` with each change that is new or has new signatures. Returns a function that ends that. */
  onNews(listener: NewsListener): () => void
  /** Resolves when everything taken so far is on disk; rejects with E_IO. */
  saved(): Promise<void>
}

/** Opens the changes that are stored; those that do not open any more are left out, with a warning. Throws as the store. */
export async function openMembership(run: Run, store: ChangeStore, logger: Logger): Promise<Membership> {
  return createMembership(run, store, await store.load(run), logger)
}

/** @param stored - bytes of the changes that `store` has */
export function createMembership(
  run: Run,
  store: Pick<ChangeStore, 'save'>,
  stored: readonly Uint8Array[],
  logger: Logger,
): Membership {
  const book = openEpochs(run.viewOf(undefined) ?? run, problemOf)
  const listeners = new Set<NewsListener>()
  const inForceAt = new Map<string, ReadonlySet<string>>()
  let neighbours: readonly string[] = []
  let round = 0
  let saving: Promise<void> = Promise.resolve()

  const all = (): readonly ChangeMessage[] => [...book.decided.map(({ message }) => message), ...book.pending]
  const save = (): void => {
    saving = saving
      .catch(() => undefined)
      .then(() =>
        store.save(
          book.base,
          all().map(({ bytes }) => bytes),
        ),
      )
    saving.catch((error) =>
      logger.error({ err: error }, `changes of the run could not be written: ${errorMessage(error)}`),
    )
  }

  /** Whoever was offline for long must still learn of a change, and nobody else may be told one of long ago. */
  const checkInTime = (message: ChangeMessage): void => {
    if (message.change.from + LIMITS.changeWindow >= round || book.find(message.cid) !== undefined) return
    const name = message.cid.toString()
    const having = neighbours.filter((peer) => inForceAt.get(peer)?.has(name)).length
    if (2 * having > neighbours.length) return
    throw new ProtocolError(
      'E_CHANGE',
      `change: it would hold from round ${message.change.from}, over ${LIMITS.changeWindow} rounds ago, and only ${having} of ` +
        `${neighbours.length} neighbours have it in force`,
    )
  }

  const note = (message: ChangeMessage, via: 'gossip' | 'peer' | 'self'): Offer => {
    const offer = book.offer(message)
    if (offer === 'known') return offer
    save()
    const kept = book.find(message.cid) ?? message
    for (const listener of listeners) listener(kept, offer, via)
    return offer
  }

  const sign = (message: ChangeMessage, signer: Signer): ChangeMessage => {
    const signed = approveChange(message, signer)
    note(signed, 'self')
    return book.find(signed.cid) ?? signed
  }

  for (const bytes of stored) {
    try {
      book.offer(openChange(bytes))
    } catch (error) {
      logger.warn(`a stored change of the run is left out: ${errorMessage(error)}`)
    }
  }

  return {
    base: book.base,
    get decided() {
      return book.decided
    },
    get pending() {
      return book.pending
    },
    get round() {
      return round
    },
    at: book.at,
    epochOf: book.baseOf,
    wasEverMember: book.wasEverMember,
    inForce: () => book.at(round).changes.map(({ cid }) => cid),
    take(bytes, via = 'peer') {
      const message = openChange(bytes, book.find)
      checkInTime(message)
      return note(message, via)
    },
    propose(amendment, from, signer) {
      const text = encodeCanonical(amendment)
      const waiting = book.pending.find(({ change }) => equalBytes(encodeCanonical(change.amendment), text))
      if (waiting !== undefined) return sign(waiting, signer)
      const message = proposeChange({ run: book.at(round), from, amendment }, signer)
      note(message, 'self')
      return book.find(message.cid) ?? message
    },
    approve(cid, signer) {
      const found = book.pending.filter((message) => message.cid.toString().endsWith(cid))
      if (found.length !== 1)
        throw new ProtocolError(
          'E_CHANGE',
          `${found.length === 0 ? 'no change' : `${found.length} changes`} that ${found.length === 0 ? 'waits' : 'wait'} for signatures ${found.length === 0 ? 'has' : 'have'} a CID that ends in ${cid}`,
        )
      return sign(found[0]!, signer)
    },
    countersign: sign,
    noteInForce(peer, changes) {
      inForceAt.set(peer, new Set(changes.map(String)))
    },
    enter(next, peers) {
      round = next
      neighbours = peers
      for (const peer of inForceAt.keys()) if (!peers.includes(peer)) inForceAt.delete(peer)
      book.expire(next)
    },
    onNews(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    saved: () => saving,
  }
}
