import { setMaxListeners } from 'node:events'
import {
  type Block,
  type ChainMember,
  type ChainMessage,
  createChainMember,
  type MemberInput,
  type MemberOutput,
  type OpenChain,
  type Proposal,
  signMessage,
} from '@tempered/chain'
import { counted } from '@tempered/errors'
import type {
  ModelBuffer,
  Run,
  SignedAnnouncement,
  SignedEntry,
  SignedHead,
  Signer,
} from '@tempered/protocol'
import type { OpenBlob } from '../blobs/open-blob.js'
import type { Clock } from '../clock.js'
import { errorCode } from '../errors.js'
import type { Logger } from '../logger.js'
import type { LocalTraining } from '../round/local-training.js'
import type { ChainCosts } from '../round/report.js'
import type { Notice } from '../round/state.js'
import type { RunNetwork } from '../transport/network.js'
import { type AgreedModels, createAgreedModels } from './agreed-models.js'
import type { BlockChecker } from './block-checker.js'
import { type BlockJudgeInit, judgeBlock } from './block-judge.js'
import { CostCounter } from './chain-costs.js'
import { ChainRecords } from './chain-records.js'
import type { ChainStore } from './chain-store.js'
import { Changes } from './changes.js'
import { type CommonChainEvents, payloadOf, SAID, type Words, wordsOf } from './common-chain.js'
import type { Miner } from './miner.js'
import { createMissingBlocks, type MissingBlocks } from './missing-blocks.js'
import type { ModelSource } from './model-source.js'
import { type Collected, candidatesOf, collectedCandidates, onlyChosen, proposalOf } from './proposal.js'
import { RunEnd, SETTLED } from './run-end.js'

export interface AgreementComponents {
  readonly run: Run
  readonly chain: OpenChain
  readonly signer: Signer
  readonly store: ChainStore
  readonly network: Pick<RunNetwork, 'publishBlock' | 'publishChainMessage' | 'fetchBlocks'>
  readonly checker: BlockChecker
  readonly models: ModelSource
  readonly miner: Miner
  readonly training: Pick<LocalTraining, 'score'>
  readonly clock: Clock
  readonly logger: Logger
  /** How long a round may go without a block before the node gives up; undefined: for ever, as members may come back. */
  readonly limitMs?: number | undefined
}

export interface AgreementInit extends CommonChainEvents {
  /** The newest head that is known of another member. */
  newestHead(author: string): SignedHead | undefined
  onNotice(notice: Notice): void
  /** The node cannot go on. */
  onError(error: unknown): void
}

/**
 * How a node agrees with the others on the block of each round: the member of the chain, with what it asks for carried
 * out. Whatever the node signs is on disk before it is sent.
 */
export class Agreement {
  private readonly parts: AgreementComponents
  private readonly init: AgreementInit
  private readonly member: ChainMember<unknown>
  private readonly missing: MissingBlocks
  private readonly judging: BlockJudgeInit
  private readonly controller = new AbortController()
  private readonly costs: CostCounter
  private readonly changes: Changes
  private readonly records: ChainRecords
  private readonly agreed: AgreedModels
  private readonly end: RunEnd
  private readonly timers = new Map<string, () => void>()
  /** Connected members. */
  private readonly live = new Set<string>()
  private readonly later: MemberInput[] = []
  private handling = false
  private adopted: Block | undefined
  private final: Block | undefined
  private proposed: Proposal | undefined
  /** Members whose models are to be aggregated, once that is said. */
  private chosen: ReadonlySet<number> | undefined
  private readonly choosesModels: boolean
  private isApart = false

  constructor(parts: AgreementComponents, init: AgreementInit) {
    // Everything that the node fetches for its chain listens to it.
    setMaxListeners(0, this.controller.signal)
    this.parts = parts
    this.init = init
    const { run, chain, signer, store, clock } = parts
    this.costs = new CostCounter(clock, () => parts.miner.hashes)
    this.changes = new Changes(parts, this.controller.signal, init.onNotice)
    this.agreed = createAgreedModels(parts, this.controller.signal)
    this.records = new ChainRecords(store, {
      has: (cid) => this.has(cid),
      onError: (error) => this.fail(error),
    })
    this.member = createChainMember({ run, ...chain, signer, now: () => Math.round(clock.wallMs()) })
    this.end = new RunEnd({
      ...parts,
      records: this.records,
      agreed: this.agreed,
      changes: this.changes,
      signal: this.controller.signal,
      live: this.live,
      onNotice: init.onNotice,
    })
    const { confirmations, aggregation } = chain.architecture.rules({ run, params: chain.params })
    this.choosesModels = aggregation === 'chosen'
    this.judging = {
      ...parts,
      confirmations,
      signal: this.controller.signal,
      depthOf: ({ cid }) => this.member.tree.depthOf(cid),
    }
    this.missing = createMissingBlocks({
      ...parts,
      signal: this.controller.signal,
      peers: () => [...this.live],
      openFrom: () => (this.final?.body.height ?? 0) + 1,
      has: (cid) => this.has(cid),
      take: (block) => this.block(block),
    })
  }

  /** Takes up the chain where an earlier process left it; `last` is the newest entry of the node's own ledger. */
  start(last: SignedEntry | undefined): void {
    const { store } = this.parts
    this.act({ type: 'restored', blocks: store.blocks, messages: store.messages })
    if (last !== undefined) this.propose(last)
  }

  /** A block from the network. Throws ChainError for one that breaks the rules. */
  block(block: Block): void {
    const name = block.cid.toString()
    if (this.records.isStored(name) || this.has(name)) return
    this.records.receive(block)
    try {
      this.handle({ type: 'block', block })
    } catch (error) {
      this.records.forget(name)
      throw error
    }
  }

  /** Throws ChainError for a message that breaks the rules. */
  message(message: ChainMessage): void {
    const { author, payload } = message.body
    if (payload.kind === SETTLED) this.end.heardFrom(author)
    else if (payload.kind === SAID) this.init.onSaid?.(author, wordsOf(payload))
    else this.handle({ type: 'message', message })
  }

  neighbourUp(peer: string): void {
    this.live.add(peer)
    // It may have blocks that were sent while this node was away, and have missed what was said while it was.
    this.background(() => this.missing.takeFrom(peer))
    this.end.neighbourUp()
  }

  neighbourDown(peer: string): void {
    this.live.delete(peer)
    this.changes.notify()
  }

  /** Says something to all members that is no part of the chain. */
  say(words: Words): void {
    const { run, signer, network } = this.parts
    if (this.controller.signal.aborted) return
    const message = signMessage(run, payloadOf(words), signer)
    this.records.afterwards(() => network.publishChainMessage(message))
  }

  /** Blocks of this node's chain from a height on (1 for all), oldest first. */
  blocks(from: number): readonly Block[] {
    return this.member.tree.chain(from)
  }

  /** A model that this node has aggregated or computed lately, for other members. */
  openModel(cid: string): OpenBlob | undefined {
    return this.parts.models.open(cid)
  }

  /** Keeps the models of a round that this node has closed: with its block others compute its aggregate again. */
  async hold(entry: SignedEntry): Promise<void> {
    const { run, models } = this.parts
    await models.hold(candidatesOf(entry, run).map(({ model }) => model.toString()))
  }

  /**
   * The models of a round without those that are not to be aggregated: all of them where the architecture leaves that to
   * the rule, and where there is a block of the round already. Rejects with E_STOPPED, E_NO_AGREEMENT.
   *
   * @param own - announcement of this node's model
   */
  async choose(own: SignedAnnouncement, collected: Collected): Promise<Collected> {
    const { run } = this.parts
    const { round } = own.body
    const isNext = (): boolean => (this.adopted?.body.round ?? -1) === round - 1
    if (!this.choosesModels || !isNext()) return collected
    this.chosen = undefined
    const candidates = collectedCandidates(own, collected, run)
    this.act({ type: 'collected', parent: this.adopted?.cid ?? null, candidates })
    await this.awaiting(round, 'votes', () => this.chosen !== undefined || !isNext())
    return this.chosen === undefined ? collected : onlyChosen(collected, this.chosen, run)
  }

  /** Offers the aggregate of a round that this node has closed. */
  propose(entry: SignedEntry): void {
    this.proposed = proposalOf(entry, this.parts.run, this.init.newestHead)
    this.costs.offer(entry.body.round)
    this.offer()
    this.background(() => this.parts.checker.follow(this.controller.signal))
  }

  /**
   * The model with which a round begins: the aggregate of the newest block, once there is one of the round before.
   * Undefined for the run's initial model. Rejects with E_STOPPED.
   */
  async modelFor(round: number): Promise<ModelBuffer | undefined> {
    await this.awaiting(round - 1, 'block', () => this.hasBlockOf(round - 1))
    return this.adopted === undefined ? undefined : this.agreed.aggregateOf(() => this.adopted!)
  }

  private hasBlockOf(round: number): boolean {
    return round < 0 || (this.adopted?.body.round ?? -1) >= round
  }

  private awaiting(round: number, what: 'votes' | 'block', isThere: () => boolean): Promise<void> {
    const { limitMs = Number.POSITIVE_INFINITY } = this.parts
    return this.changes.until({ round, what, isThere, members: () => this.live.size }, limitMs)
  }

  /** The model of the last round; undefined when its block did not become final in time. Rejects with E_STOPPED. */
  lastModel(): Promise<ModelBuffer | undefined> {
    return this.end.lastModel()
  }

  /** What the chain has cost since the last call. */
  takeCosts(): ChainCosts {
    const { block } = this.member.tree.head
    return this.costs.take(Math.max(0, this.records.count - (block?.body.height ?? 0)))
  }

  async stop(): Promise<void> {
    this.controller.abort(new DOMException('stop', 'AbortError'))
    this.parts.miner.stop()
    for (const cancel of this.timers.values()) cancel()
    this.timers.clear()
    this.changes.notify()
    await this.records.close()
  }

  private isOwn(block: Block): boolean {
    return block.body.author === this.parts.signer.peerId
  }

  private has(cid: string): boolean {
    return this.member.tree.has(cid)
  }

  /** Throws ChainError for an input from outside that breaks the rules. */
  private handle(input: MemberInput): void {
    if (this.controller.signal.aborted) return
    if (this.handling) {
      this.later.push(input)
      return
    }
    this.handling = true
    try {
      for (let next: MemberInput | undefined = input; next !== undefined; next = this.later.shift())
        for (const output of this.member.handle(next)) this.perform(output)
    } catch (error) {
      // Nothing is agreed any more: more members lie than the architecture bears.
      const code = errorCode(error)
      if (code === 'E_CHAIN_SPLIT') this.fail(error)
      // An architecture of a user's own that does not work is no fault of whoever sent the block.
      if (code !== 'E_MODULE' && code !== 'E_INTERNAL') throw error
      this.fail(error)
    } finally {
      this.handling = false
      this.records.storeReceived()
    }
  }

  /** For inputs of this node's own, which break no rules. */
  private act(input: MemberInput): void {
    try {
      this.handle(input)
    } catch (error) {
      this.fail(error)
    }
  }

  private perform(output: MemberOutput): void {
    const { miner, network } = this.parts
    switch (output.type) {
      case 'send-block':
        this.records.publishBlock(output.block, this.isOwn(output.block), () =>
          network.publishBlock(output.block),
        )
        break
      case 'send-message':
        this.records.publishMessage(output.message, () => network.publishChainMessage(output.message))
        break
      case 'request':
        this.background(() => this.missing.request(output.block.toString()))
        break
      case 'mine':
        miner.start(output.body, output.difficulty, (body) => this.act({ type: 'mined', body }))
        break
      case 'stop-mining':
        miner.stop()
        break
      case 'arm':
        this.arm(output.timer, output.ms)
        break
      case 'disarm':
        this.timers.get(output.timer)?.()
        this.timers.delete(output.timer)
        break
      case 'check':
        this.background(async () => {
          // What this node has computed itself needs no second computation.
          const isRight = this.isOwn(output.block) || (await judgeBlock(output.block, this.judging))
          this.act({ type: 'checked', block: output.block.cid, isRight })
        })
        break
      case 'evaluate':
        // A node has one set of test samples: where members have the same ones, those are common.
        this.background(async () => {
          const value = await this.agreed.score(output.model)
          this.act({ type: 'evaluated', model: output.model, on: output.on, value })
        })
        break
      case 'aggregate':
        this.chosen = new Set(output.members)
        this.changes.notify()
        break
      case 'adopted':
        this.adopt(output.block, output.left)
        break
      case 'final':
        this.final = output.block
        this.costs.final(output.block.body)
        this.init.onFinal?.(output.block)
        this.background(() => this.end.finalise(output.block))
        break
      case 'apart':
        this.warnOfSplit(output.block)
    }
  }

  private arm(timer: string, ms: number): void {
    this.timers.get(timer)?.()
    const cancel = this.parts.clock.after(ms, () => {
      this.timers.delete(timer)
      this.act({ type: 'timeout', timer })
    })
    this.timers.set(timer, cancel)
  }

  private adopt(block: Block | undefined, left: readonly Block[]): void {
    this.adopted = block
    if (block !== undefined) {
      this.costs.adopted(block.body.round)
      if (left.length > 0)
        this.parts.logger.info(
          { height: block.body.height },
          `the chain has changed: ${counted(left.length, 'block')} ${left.length === 1 ? 'is' : 'are'} no longer part of it`,
        )
    }
    this.changes.notify()
    // What this node has computed for a round can follow any block of the round before.
    this.offer()
  }

  private warnOfSplit({ body }: Block): void {
    if (this.isApart) return
    this.isApart = true
    this.init.onNotice({ kind: 'apart', peer: body.author, height: body.height })
  }

  private offer(): void {
    const { adopted, proposed } = this
    if (proposed === undefined || proposed.round !== (adopted?.body.round ?? -1) + 1) return
    this.act({ type: 'proposal', parent: adopted?.cid ?? null, proposal: proposed })
  }

  private background(work: () => Promise<void>): void {
    work().catch((error) => this.fail(error))
  }

  private fail(error: unknown): void {
    if (!this.controller.signal.aborted) this.init.onError(error)
  }
}
