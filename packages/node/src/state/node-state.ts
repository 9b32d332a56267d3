import {
  type Amendment,
  allocateModel,
  decodeModel,
  type FinalHead,
  type ModelBuffer,
  type Run,
  type SignedAnnouncement,
  type Signer,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { decodeMemory, emptyMemory, type RuleMemory } from '../aggregate/rule-memory.js'
import type { BlobStore } from '../blobs/store.js'
import type { ChainStore } from '../chain/chain-store.js'
import type { Membership } from '../epochs/membership.js'
import { NodeError } from '../errors.js'
import type { EvidenceLog } from '../evidence/evidence-log.js'
import { blobsOfEvidence } from '../evidence/judge.js'
import type { Ledger } from '../ledger/ledger.js'
import type { Logger } from '../logger.js'
import type { PrivateStore } from '../private/private-store.js'
import { blobsOf } from '../round/entry-writing.js'
import { drawnInitialParameters, initialBlob } from '../round/initial-model.js'
import { createOwnHistory, type OwnHistory } from '../round/own-history.js'
import type { AddressBook } from '../transport/address-book.js'
import { createWitness, type Witness } from '../witness/witness.js'
import { openAddressBook } from './address-file.js'
import type { LedgerCopy, NodeStores } from './stores.js'

export interface NodeStateInit {
  /** The run as its manifest was made. */
  readonly run: Run
  readonly membership: Membership
  readonly signer: Signer
  readonly stores: NodeStores
  /** Bytes that stored models may take up; evidence, the last final model and two rounds are kept regardless. */
  readonly diskBudgetBytes?: number | undefined
  /** Parameters with which the run begins; must hash to the manifest's `initialCid`. */
  readonly initialParameters: Float32Array
}

/** Everything that a node stores, in one epoch of its run. */
export interface NodeState {
  /** The run in the epoch of the first round. */
  readonly run: Run
  readonly ledger: Ledger
  readonly evidence: EvidenceLog
  readonly blobs: BlobStore
  readonly witness: Witness
  readonly history: OwnHistory
  /** The parameters with which the next round begins. */
  readonly parameters: ModelBuffer
  readonly memory: RuleMemory
  /** An announcement that was signed before a crash and has no entry yet, with its blob's parameters. */
  readonly pending: { readonly announcement: SignedAnnouncement; readonly model: ModelBuffer } | undefined
  /** The copy of a neighbour's ledger; existing entries are passed to `visit`, oldest first. */
  openLedgerCopy(peer: string, visit: (bytes: Uint8Array) => void): Promise<LedgerCopy>
  saveFinals(finals: readonly FinalHead[]): Promise<void>
  /** Blocks and own messages of the run's common chain; whoever opens it closes it. */
  openChain(): Promise<ChainStore>
  /** What a node must not forget of its private rounds. */
  openPrivate(): Promise<PrivateStore>
  /** Round with which the node begins in this epoch, from 0. */
  readonly firstRound: number
}

/** A node's storage, open from its start to its end, through all epochs of its run. */
export interface NodeDisk {
  readonly stores: NodeStores
  /** Where members can be dialled, also those of an earlier start. */
  readonly addressBook: AddressBook
  /**
   * The state for the epoch of the next round, which is `notBefore` (from 0) or a later one; it replaces that of the epoch
   * before. Throws E_NOT_A_MEMBER, E_STATE_CORRUPT, E_INITIAL_PARAMETERS, E_IO.
   */
  enter(notBefore: number): Promise<NodeState>
  /** Releases the stores. */
  close(): Promise<void>
}

/** Opens, checks and locks what a node stores. Throws E_STATE_CORRUPT, E_WRONG_RUN, E_IO; then nothing stays open. */
export async function openNodeDisk(init: NodeStateInit, logger: Logger): Promise<NodeDisk> {
  const { signer, stores, membership } = init
  const opened: (() => Promise<void>)[] = [() => stores.release()]
  const close = async (): Promise<void> => {
    for (const release of opened.splice(0).reverse()) await release()
  }
  try {
    const history = createOwnHistory()
    const ownEntries: CID[] = []
    const ledger = await stores.openLedger(init.run, signer.peerId, {
      entry(entry) {
        ownEntries.push(entry.cid)
        history.noteBlobs(entry.body.round, blobsOf(entry, init.run))
      },
      announcement: history.noteAnnounced,
    })
    opened.push(() => ledger.close())
    if (ledger.recoveredBytes > 0)
      logger.warn({ bytes: ledger.recoveredBytes }, 'an incomplete last ledger entry was set aside')
    for (const { bytes } of ledger.run.changes) membership.take(bytes)
    /** With all who ever were members. */
    const run = membership.at(Number.MAX_SAFE_INTEGER)
    let pinFinal: ((round: number) => void) | undefined
    const witness = createWitness({
      run,
      signer,
      store: await stores.openWitness(run),
      onFinal({ body }) {
        logger.debug({ peer: body.author, height: body.height }, 'head is final')
        if (body.author === signer.peerId) pinFinal?.(body.round)
      },
    })
    witness.restoreOwn(ownEntries, ledger.last)
    const evidence = await stores.openEvidence(run)
    opened.push(() => evidence.close())
    const blobs = await stores.openBlobs(init.diskBudgetBytes)
    for (const held of evidence.all) for (const cid of blobsOfEvidence(held, run)) blobs.pin(cid)
    await keepInitialModel(init, blobs)
    pinFinal = createFinalPin(history, blobs)
    const lasting = {
      ...{ ledger, evidence, blobs, witness, history },
      openLedgerCopy: (peer: string, visit: (bytes: Uint8Array) => void) =>
        stores.openLedgerCopy(run, peer, visit),
      openChain: () => stores.openChain(run),
      openPrivate: () => stores.openPrivate(),
      saveFinals: (finals: readonly FinalHead[]) => stores.saveFinals(run, finals),
    }
    const addresses = await openAddressBook(stores.addresses, membership.wasEverMember, logger)
    opened.push(() => addresses.saved())
    return {
      stores,
      addressBook: addresses.book,
      enter: (notBefore) => enterEpoch(init, lasting, notBefore),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Keeps the newest of the node's own models whose entry is final. */
function createFinalPin(history: OwnHistory, blobs: BlobStore): (round: number) => void {
  let pinned: string | undefined
  return (round) => {
    const aggregate = history.aggregateOf(round)
    if (aggregate === undefined || aggregate === pinned) return
    blobs.pin(aggregate)
    if (pinned !== undefined) blobs.unpin(pinned)
    pinned = aggregate
  }
}

/** What stays the same in all epochs. */
type LastingState = Omit<NodeState, 'run' | 'parameters' | 'memory' | 'pending' | 'firstRound'>

/** Writes the changes that lead to the next round's epoch to the ledger, and reads what the round begins with. */
async function enterEpoch(init: NodeStateInit, lasting: LastingState, notBefore: number): Promise<NodeState> {
  const { membership, signer } = init
  const { ledger, blobs, witness, history } = lasting
  const firstRound = Math.max(
    notBefore,
    nextRound(ledger, membership, signer.peerId),
    adoptedFrom(ledger, membership),
  )
  const run = membership.at(firstRound)
  checkMember(run, signer.peerId)
  const written = new Set(ledger.run.changes.map(({ cid }) => cid.toString()))
  for (const change of run.changes) if (!written.has(change.cid.toString())) await ledger.adopt(change)
  witness.enter(run)
  // What was announced for a round that the run has left behind needs no entry.
  const isAnnounced = ledger.lastAnnouncement?.body.round === firstRound
  const pending = isAnnounced ? await pendingAnnouncement(run, ledger, blobs) : undefined
  if (pending !== undefined) history.noteAnnouncement(pending.announcement)
  const restated = await witness.sign()
  if (restated !== undefined) history.noteHead(restated)
  return {
    ...lasting,
    run,
    parameters: await startingParameters(init, ledger, blobs),
    memory: await ruleMemory(init, ledger, blobs),
    pending,
    firstRound,
  }
}

/** A member that was added begins with the round from which it is one. From 0. */
function nextRound(ledger: Ledger, { decided }: Membership, self: string): number {
  const announced = ledger.lastAnnouncement?.body.round ?? -1
  const closed = ledger.last?.body.round ?? -1
  if (announced > closed) return announced
  if (closed >= 0) return closed + 1
  const added = decided.find(
    ({ message, problem }) => problem === undefined && addedBy(message.change.amendment) === self,
  )
  return added?.message.change.from ?? 0
}

/** A node that skipped rounds may have written a change for a round that its ledger does not lead to. From 0. */
function adoptedFrom(ledger: Ledger, { decided }: Membership): number {
  const adopted = new Set(ledger.run.changes.map(({ cid }) => cid.toString()))
  const rounds = decided.map(({ message }) => (adopted.has(message.cid.toString()) ? message.change.from : 0))
  return Math.max(0, ...rounds)
}

function addedBy(amendment: Amendment): string | undefined {
  if (amendment.kind === 'add') return amendment.member
  return amendment.kind === 'replace' ? amendment.by : undefined
}

/** Throws E_NOT_A_MEMBER. */
function checkMember(run: Run, self: string): void {
  if (run.memberIndex.has(self)) return
  throw new NodeError(
    'E_NOT_A_MEMBER',
    run.rosterIndex.has(self)
      ? `this node, ${self}, is no longer a member of run ${run.id}; an organisation comes back with a new key (member join)`
      : `this node, ${self}, is not among the members of run ${run.id}; make a manifest that names it ` +
          "(manifest create --member), have it added (member add), or use a member's key",
    { left: run.rosterIndex.has(self) },
  )
}

/** The last aggregate, or the run's initial parameters before the first entry. */
async function startingParameters(
  init: NodeStateInit,
  ledger: Ledger,
  blobs: BlobStore,
): Promise<ModelBuffer> {
  const { run } = init
  const { parameterCount, initialCid } = run.manifest.model
  if (ledger.last === undefined) {
    const { cid, bytes } = initialBlob(init.initialParameters)
    if (cid !== initialCid) {
      throw new NodeError(
        'E_INITIAL_PARAMETERS',
        `the initial parameters of this node are ${cid}, but the manifest says ${initialCid}: it was changed ` +
          'after it was made, or made by another version of Tempered; make it again with `tempered manifest create` ' +
          'and give it to every member',
      )
    }
    // Nobody writes to the model that a round begins with, so the nodes of a process share this one.
    return { bytes, parameters: decodeModel(bytes, parameterCount) }
  }
  const cid = ledger.last.body.aggregate.toString()
  const bytes = await blobs.get(cid)
  if (bytes === undefined) {
    throw new NodeError(
      'E_STATE_CORRUPT',
      `${init.stores.place} has no blob ${cid}, the aggregate of round ${ledger.last.body.round}; restore it from a copy`,
    )
  }
  return copyModel(decodeModel(bytes, parameterCount))
}

/**
 * A model that no seed gives is kept: this node needs it after a restart, members without it fetch it from here, and a
 * replay of the ledger begins with it.
 */
async function keepInitialModel({ run, initialParameters }: NodeStateInit, blobs: BlobStore): Promise<void> {
  const { initialCid } = run.manifest.model
  if (drawnInitialParameters(run.manifest) !== undefined) return
  const { cid, bytes } = initialBlob(initialParameters)
  if (cid !== initialCid) return
  blobs.pin(cid)
  if ((await blobs.get(cid)) === undefined) await blobs.put(bytes)
}

/** The rule's memory when the last entry was written. */
async function ruleMemory(init: NodeStateInit, ledger: Ledger, blobs: BlobStore): Promise<RuleMemory> {
  const cid = ledger.last?.body.memory?.toString()
  if (cid === undefined) return emptyMemory
  const bytes = await blobs.get(cid)
  if (bytes === undefined) {
    throw new NodeError(
      'E_STATE_CORRUPT',
      `${init.stores.place} has no blob ${cid}, the rule's memory; restore it from a copy`,
    )
  }
  return decodeMemory(bytes)
}

/** An announcement that was signed but has no entry: it must be kept, since another one would be an equivocation. */
async function pendingAnnouncement(run: Run, ledger: Ledger, blobs: BlobStore) {
  const announcement = ledger.lastAnnouncement
  const lastRound = ledger.last?.body.round ?? -1
  if (announcement === undefined || announcement.body.round <= lastRound) return undefined
  const bytes = await blobs.get(announcement.body.model.toString())
  if (bytes === undefined) {
    throw new NodeError(
      'E_STATE_CORRUPT',
      `the model announced for round ${announcement.body.round} is missing; restore blob ${announcement.body.model}`,
    )
  }
  return { announcement, model: copyModel(decodeModel(bytes, run.manifest.model.parameterCount)) }
}

function copyModel(parameters: Float32Array): ModelBuffer {
  const model = allocateModel(parameters.length)
  model.parameters.set(parameters)
  return model
}
