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
import {
  allocateModel,
  decodeModel,
  type ModelBuffer,
  type Run,
  type SignedAnnouncement,
  type SignedEntry,
  type SignedHead,
  type Signer,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { OpenBlob } from '../blobs/open-blob.js'
import { type Clock, sleep } from '../clock.js'
import { errorCode, errorMessage, NodeError } from '../errors.js'
import type { Logger } from '../logger.js'
import type { LocalTraining } from '../round/local-training.js'
import type { ChainCosts } from '../round/report.js'
import type { RunNetwork } from '../transport/network.js'
import type { BlockChecker } from './block-checker.js'
import { type BlockJudgeInit, judgeBlock } from './block-judge.js'
import { CostCounter } from './chain-costs.js'
import type { ChainStore } from './chain-store.js'
import type { Miner } from './miner.js'
import { createMissingBlocks, type MissingBlocks } from './missing-blocks.js'
import type { ModelSource } from './model-source.js'
import { type Collected, candidatesOf, collectedCandidates, onlyChosen, proposalOf } from './proposal.js'

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

export interface AgreementInit {
  /** The newest head that is known of another member. */
  newestHead(author: string): SignedHead | undefined
  /** The node cannot go on. */
  onError(error: unknown): void
}

/** Said by a member for which the last round is final; not part of any architecture. */
const SETTLED = 'settled'
const RETRY_MS = 1_000
/** How often a node says that it waits for a block. */
const REMIND_MS = 10_000

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
  private readonly timers = new Map<string, () => void>()
  /** Connected members. */
  private readonly live = new Set<string>()
  private readonly settled = new Set<string>()
  /** Own blocks that were stored before. */
  private readonly stored: Set<string>
  /** Received blocks that are not on disk yet, such as those that wait for their parent. */
  private readonly unstored = new Map<string, Block>()
  private readonly later: MemberInput[] = []
  private handling = false
  private adopted: Block | undefined
  private final: Block | undefined
  private proposed: Proposal | undefined
  /** Members whose models are to be aggregated, once that is said. */
  private chosen: ReadonlySet<number> | undefined
  private readonly choosesModels: boolean
  private saysSettled = false
  private isApart = false
  private saving: Promise<void> = Promise.resolve()
  private waiting: (() => void)[] = []

  constructor(parts: AgreementComponents, init: AgreementInit) {
    // Everything that the node fetches for its chain listens to it.
    setMaxListeners(0, this.controller.signal)
    this.parts = parts
    this.init = init
    const { run, chain, signer, store, clock } = parts
    this.costs = new CostCounter(clock, () => parts.miner.hashes)
    this.stored = new Set(store.blocks.map(({ cid }) => cid.toString()))
    this.member = createChainMember({ run, ...chain, signer, now: () => Math.round(clock.wallMs()) })
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
    if (this.stored.has(name) || this.has(name)) return
    this.unstored.set(name, block)
    try {
      this.handle({ type: 'block', block })
    } catch (error) {
      this.unstored.delete(name)
      throw error
    }
  }

  /** Throws ChainError for a message that breaks the rules. */
  message(message: ChainMessage): void {
    const { author, payload } = message.body
    if (payload.kind !== SETTLED) {
      this.handle({ type: 'message', message })
      return
    }
    this.settled.add(author)
    this.changed()
  }

  neighbourUp(peer: string): void {
    this.live.add(peer)
    // It may have blocks that were sent while this node was away, and have missed what was said while it was.
    this.background(() => this.missing.takeFrom(peer))
    if (this.saysSettled) this.saySettled()
  }

  neighbourDown(peer: string): void {
    this.live.delete(peer)
    this.changed()
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
    return this.adopted === undefined ? undefined : this.aggregateOf(() => this.adopted!)
  }

  private hasBlockOf(round: number): boolean {
    return round < 0 || (this.adopted?.body.round ?? -1) >= round
  }

  /** Says from time to time that it waits. Rejects with E_STOPPED, and E_NO_AGREEMENT after the limit. */
  private async awaiting(round: number, what: string, isThere: () => boolean): Promise<void> {
    if (isThere()) return
    const { clock, logger, limitMs = Number.POSITIVE_INFINITY } = this.parts
    const begunMs = clock.monotonicMs()
    let cancel: () => void = () => undefined
    const remind = (): void => {
      const { size } = this.live
      const waitedMs = clock.monotonicMs() - begunMs
      logger.info(
        { round },
        `waiting for the ${what} of round ${round + 1}; ${counted(size, 'member')} connected`,
      )
      if (waitedMs >= limitMs) this.changed()
      cancel = clock.after(REMIND_MS, remind)
    }
    cancel = clock.after(REMIND_MS, remind)
    try {
      while (!isThere()) {
        await this.change()
        if (clock.monotonicMs() - begunMs < limitMs || isThere()) continue
        throw new NodeError(
          'E_NO_AGREEMENT',
          `no ${what} of round ${round + 1} after ${Math.round(limitMs / 1000)} s: too few members keep to the protocol of the chain`,
          { round },
        )
      }
    } finally {
      cancel()
    }
  }

  /**
   * The aggregate of the last round, once its block is final and the connected members know it too, or will not;
   * undefined when it did not become final in time.
   */
  async lastModel(): Promise<ModelBuffer | undefined> {
    const { clock, run, logger } = this.parts
    const { signal } = this.controller
    const limit = clock.deadline(run.manifest.deadlines.collectMs, signal)
    limit.signal.addEventListener('abort', () => this.changed(), { once: true })
    const others = (): boolean => [...this.live].every((peer) => this.settled.has(peer))
    try {
      while (!limit.signal.aborted && !(this.isOver() && others())) await this.change()
    } finally {
      limit.clear()
    }
    if (this.isOver()) return this.aggregateOf(() => this.final!)
    logger.warn(
      { round: this.final?.body.round },
      'the block of the last round is not final: too few members are left to agree on it',
    )
    return undefined
  }

  /** What the chain has cost since the last call. */
  takeCosts(): ChainCosts {
    const { block } = this.member.tree.head
    return this.costs.take(Math.max(0, this.stored.size - (block?.body.height ?? 0)))
  }

  async stop(): Promise<void> {
    this.controller.abort(new DOMException('stop', 'AbortError'))
    this.parts.miner.stop()
    for (const cancel of this.timers.values()) cancel()
    this.timers.clear()
    this.changed()
    await this.saving
    await this.parts.store.close()
  }

  private has(cid: string): boolean {
    return this.member.tree.has(cid)
  }

  /** Whether the last round is final. */
  private isOver(): boolean {
    return (this.final?.body.round ?? -1) >= this.parts.run.manifest.training.rounds - 1
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
      this.storeReceived()
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
    const { miner, network, store } = this.parts
    switch (output.type) {
      case 'send-block':
        this.sendBlock(output.block)
        break
      case 'send-message':
        this.save(async () => {
          await store.addMessage(output.message)
          await network.publishChainMessage(output.message)
        })
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
          const isOwn = output.block.body.author === this.parts.signer.peerId
          const isRight = isOwn || (await judgeBlock(output.block, this.judging))
          this.act({ type: 'checked', block: output.block.cid, isRight })
        })
        break
      case 'evaluate':
        // A node has one set of test samples: where members have the same ones, those are common.
        this.background(async () => {
          const value = await this.score(output.model)
          this.act({ type: 'evaluated', model: output.model, on: output.on, value })
        })
        break
      case 'aggregate':
        this.chosen = new Set(output.members)
        this.changed()
        break
      case 'adopted':
        this.adopt(output.block, output.left)
        break
      case 'final':
        this.final = output.block
        this.costs.final(output.block.body)
        this.background(() => this.settle())
        this.changed()
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
    this.changed()
    // What this node has computed for a round can follow any block of the round before.
    this.offer()
  }

  private warnOfSplit({ body }: Block): void {
    if (this.isApart) return
    this.isApart = true
    this.parts.logger.warn(
      { peer: body.author, height: body.height },
      'other members have gone on with blocks that exclude what is final here: the network was parted for longer than the ' +
        'chain waits, and its parts cannot join again. This node keeps to its chain; run `tempered chain show` on both, ' +
        'and start a new run from the model that is to stay',
    )
  }

  private offer(): void {
    const { adopted, proposed } = this
    if (proposed === undefined || proposed.round !== (adopted?.body.round ?? -1) + 1) return
    this.act({ type: 'proposal', parent: adopted?.cid ?? null, proposal: proposed })
  }

  private sendBlock(block: Block): void {
    const { store, network, signer } = this.parts
    const name = block.cid.toString()
    const isNew = block.body.author === signer.peerId && !this.stored.has(name)
    if (isNew) this.stored.add(name)
    this.save(async () => {
      if (isNew) await store.addBlock(block)
      await network.publishBlock(block)
    })
  }

  /** Blocks are stored once their parents are there, so that a file can be read from its beginning. */
  private storeReceived(): void {
    const ready = [...this.unstored.values()].filter(({ cid }) => this.has(cid.toString()))
    for (const block of ready.sort((a, b) => a.body.height - b.body.height)) {
      this.unstored.delete(block.cid.toString())
      this.stored.add(block.cid.toString())
      this.save(() => this.parts.store.addBlock(block))
    }
  }

  /** The first metric of a model on the test samples; null when it cannot be had. */
  private async score(model: CID): Promise<number | null> {
    const { models, training, logger, run } = this.parts
    const { signal } = this.controller
    try {
      const bytes = await models.bytes(model.toString(), run.manifest.members, signal)
      if (bytes === undefined || training.score === undefined) return null
      return await training.score(Float32Array.from(decodeModel(bytes, run.manifest.model.parameterCount)))
    } catch (error) {
      if (!signal.aborted)
        logger.warn({ code: errorCode(error) }, `a model could not be scored: ${errorMessage(error)}`)
      return null
    }
  }

  /** The aggregate of a block, from whoever has it; it is kept, since this node's own entry will name it. */
  private async aggregateOf(newest: () => Block): Promise<ModelBuffer> {
    const { models, run, clock, logger } = this.parts
    const { signal } = this.controller
    for (;;) {
      const block = newest()
      const { author, aggregate } = block.body
      const bytes = await models.bytes(aggregate.toString(), [author, ...run.manifest.members], signal)
      this.stopIfAborted()
      if (bytes !== undefined) {
        const model = allocateModel(run.manifest.model.parameterCount)
        model.bytes.set(bytes)
        await models.keep(model.bytes)
        return model
      }
      logger.warn({ block: block.cid.toString() }, 'nobody has the aggregate of this block; trying again')
      await sleep(clock, RETRY_MS, signal)
      this.stopIfAborted()
    }
  }

  /** Once the last round is final and its model is here: the others need not wait for this node then. */
  private async settle(): Promise<void> {
    if (this.saysSettled || !this.isOver()) return
    this.saysSettled = true
    await this.aggregateOf(() => this.final!)
    this.saySettled()
  }

  private saySettled(): void {
    const { run, signer, network } = this.parts
    this.save(() => network.publishChainMessage(signMessage(run, { kind: SETTLED }, signer)))
  }

  /** One after another; an error ends the node. */
  private save(work: () => Promise<void>): void {
    this.saving = this.saving.then(work).catch((error) => this.fail(error))
  }

  private background(work: () => Promise<void>): void {
    work().catch((error) => this.fail(error))
  }

  private fail(error: unknown): void {
    if (!this.controller.signal.aborted) this.init.onError(error)
  }

  private changed(): void {
    for (const resume of this.waiting.splice(0)) resume()
  }

  /** Resolves when something has changed. Rejects with E_STOPPED. */
  private async change(): Promise<void> {
    this.stopIfAborted()
    await new Promise<void>((resolve) => this.waiting.push(resolve))
    this.stopIfAborted()
  }

  private stopIfAborted(): void {
    if (this.controller.signal.aborted) throw new NodeError('E_STOPPED', 'the node was stopped')
  }
}
