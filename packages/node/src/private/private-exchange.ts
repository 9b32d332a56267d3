import {
  allocateModel,
  type Evidence,
  encodeModel as encodeModelBytes,
  type ModelBuffer,
  type Run,
  type SignedGroupWord,
  sha256,
} from '@tempered/protocol'
import {
  dealMasks,
  dealModel,
  decodeMean,
  derivedSeed,
  encodeModel,
  encodeTranscript,
  type FieldKernels,
  fieldKernels,
  isRefusable,
  type NoSum,
  type PrivateGroup,
  privateGroup,
  SecretStream,
  weightOf,
} from '@tempered/secagg'
import type { Clock } from '../clock.js'
import type { Failpoints } from '../failpoints.js'
import type { Identity } from '../identity-file.js'
import type { Logger } from '../logger.js'
import type { RunNetwork } from '../transport/network.js'
import { createOfferedBlobs, type OfferedBlobs } from './offered-blobs.js'
import type { PrivateDeviation } from './private-deviation.js'
import { type PrivateReport, reportOf } from './private-report.js'
import { type PrivateEnd, PrivateRound } from './private-round.js'
import type { PrivateStore } from './private-store.js'

/** What came of a private round. */
export interface PrivateOutcome {
  /** The mean of the models that were accepted; undefined when none was opened. */
  readonly model: ModelBuffer | undefined
  /** Blobs for the ledger. */
  readonly transcript: Uint8Array
  readonly sum: Uint8Array | undefined
  readonly report: PrivateReport
}

export interface PrivateExchangeComponents {
  readonly run: Run
  readonly identity: Identity
  readonly network: Pick<RunNetwork, 'publishGroupWord' | 'fetchGroupWords' | 'fetchModel'>
  readonly store: PrivateStore
  readonly clock: Clock
  readonly logger: Logger
  /** The parameters with which the run began: what is shared is the difference to them. */
  readonly initial: Float32Array
  readonly failpoints: Failpoints
  /** For Byzantine nodes in experiments. */
  readonly deviation: PrivateDeviation | undefined
}

export interface PrivateExchangeInit {
  onContradiction(evidence: Evidence): void
  /** A model was farther from the initial one than the run's range allows, and was shortened to this part of it. */
  onShortened(round: number, part: number): void
  /** No sum was opened in a round. */
  onNoSum(round: number, reason: NoSum): void
  /** The node cannot go on. */
  onError(error: unknown): void
}

/** Rounds whose words and blobs are kept for members that come late. */
const KEPT_ROUNDS = 2

/** A node's private rounds, one after the other: it gives a model, and gets the sum of its group. */
export class PrivateExchange {
  private readonly parts: PrivateExchangeComponents
  private readonly init: PrivateExchangeInit
  private readonly kernels: FieldKernels
  private readonly parcels: OfferedBlobs = createOfferedBlobs()
  private readonly offered: OfferedBlobs = createOfferedBlobs()
  /** Words by round, in the order of their arrival; those of other groups are not kept. */
  private readonly words = new Map<number, SignedGroupWord[]>()
  private readonly groups = new Map<number, PrivateGroup>()
  private readonly live = new Set<string>()
  private readonly quarantined = new Set<string>()
  /** By peer: rounds in a row in which a member has left out a step. */
  private readonly silent = new Map<string, number>()
  private current: PrivateRound | undefined
  private currentGroup: PrivateGroup | undefined
  private isStopped = false
  private readonly openedMs: number
  private hasBegun = false
  private wake: () => void = () => undefined

  constructor(parts: PrivateExchangeComponents, init: PrivateExchangeInit) {
    this.parts = parts
    this.init = init
    this.kernels = fieldKernels()
    this.openedMs = parts.clock.monotonicMs()
  }

  /**
   * Shares a model with the group of the round. Resolves when the sum is there or cannot be had; undefined when the node was
   * stopped.
   *
   * @param model - of this node, length d
   */
  async share(round: number, model: Float32Array): Promise<PrivateOutcome | undefined> {
    const { run, identity, store, logger } = this.parts
    const self = identity.signer.peerId
    const group = this.groupOf(round)
    await this.untilLive(group)
    const { memory } = store
    const speaks = round > memory.spoken
    // On disk before anything is said: a node that dealt twice in a round would be convicted.
    if (speaks && !this.isStopped) await store.save({ ...memory, spoken: round })
    if (this.isStopped) return undefined
    const { clock, network, deviation, failpoints } = this.parts
    const begunMs = clock.monotonicMs()
    const exchange = new PrivateRound(
      {
        signer: identity.signer,
        network,
        parcels: this.parcels,
        offered: this.offered,
        clock,
        logger,
        deviation,
        failpoints,
      },
      {
        group,
        self: group.placeOf(self)!,
        speaks,
        refused: this.placesOf(group, memory.refused),
        awaited: this.awaitedIn(group),
        kernels: this.kernels,
        stepMs: run.manifest.deadlines.collectMs,
        onContradiction: this.init.onContradiction,
        onError: this.init.onError,
      },
    )
    this.current = exchange
    this.currentGroup = group
    exchange.start()
    for (const word of this.words.get(round) ?? []) exchange.word(word)
    if (speaks) this.deal(exchange, group, model)
    const end = await exchange.ended
    exchange.stop()
    this.current = undefined
    // Its own words too, for members that come late.
    this.words.set(round, [...(this.words.get(round) ?? []), ...exchange.said])
    this.forget(round)
    if (this.isStopped) return undefined
    return this.outcome(group, exchange, end, clock.monotonicMs() - begunMs)
  }

  /** A word from the network, its signature checked. */
  word(word: SignedGroupWord): void {
    const { round, author } = word.body
    if (this.groupOf(round).placeOf(author) === undefined) return
    const known = this.words.get(round) ?? []
    this.words.set(round, known)
    known.push(word)
    if (this.currentGroup?.round === round) this.current?.word(word)
  }

  /** Bytes of what this node's group has said in a round. */
  wordsOf(round: number): readonly Uint8Array[] {
    const own = this.currentGroup?.round === round ? (this.current?.said ?? []) : []
    const all = new Map([...(this.words.get(round) ?? []), ...own].map((word) => [word, word.bytes]))
    return [...all.values()]
  }

  open(cid: string, peer: string) {
    return this.parcels.open(cid, peer) ?? this.offered.open(cid, peer)
  }

  up(peer: string): void {
    this.live.add(peer)
    this.awaitAgain()
  }

  down(peer: string): void {
    this.live.delete(peer)
    this.awaitAgain()
  }

  /** A member that evidence convicts is not waited for any more. */
  quarantine(peer: string): void {
    this.quarantined.add(peer)
    this.awaitAgain()
  }

  stop(): void {
    this.isStopped = true
    this.wake()
    this.current?.stop()
  }

  /**
   * Before the first round of this process: members may still be on their way, as neighbours are at the start of a run. One that
   * comes back in the middle of a run does not wait for those that are gone.
   */
  private async untilLive(group: PrivateGroup): Promise<void> {
    if (this.hasBegun) return
    this.hasBegun = true
    const { clock, run, identity, store } = this.parts
    const { joinMs, reconnectMs } = run.manifest.deadlines
    const limitMs = store.memory.spoken < 0 ? joinMs - (clock.monotonicMs() - this.openedMs) : reconnectMs
    let isOver = false
    const cancel = clock.after(Math.max(0, limitMs), () => {
      isOver = true
      this.wake()
    })
    const isMissing = (peer: string): boolean => peer !== identity.signer.peerId && !this.live.has(peer)
    while (!isOver && !this.isStopped && group.members.some(isMissing))
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    cancel()
  }

  /** Remembered: each word of a round asks for it. */
  private groupOf(round: number): PrivateGroup {
    const { run, identity } = this.parts
    const group = this.groups.get(round) ?? privateGroup(run, round, identity.signer.peerId)!
    this.groups.set(round, group)
    return group
  }

  private awaitAgain(): void {
    this.wake()
    if (this.current !== undefined) this.current.awaited(this.awaitedIn(this.currentGroup!))
  }

  private awaitedIn(group: PrivateGroup): Set<number> {
    const { patienceRounds } = this.parts.run.manifest
    // One that this member refuses is awaited like any other: whom to wait for must not follow from what liars can make it believe.
    const isAwaited = (peer: string): boolean =>
      this.live.has(peer) && !this.quarantined.has(peer) && (this.silent.get(peer) ?? 0) < patienceRounds
    return new Set([...group.members.entries()].flatMap(([place, peer]) => (isAwaited(peer) ? [place] : [])))
  }

  private placesOf(group: PrivateGroup, peers: readonly string[]): number[] {
    return [...new Set([...peers, ...this.quarantined])].flatMap((peer) => group.placeOf(peer) ?? [])
  }

  private deal(exchange: PrivateRound, group: PrivateGroup, model: Float32Array): void {
    const { initial, identity } = this.parts
    const self = group.placeOf(identity.signer.peerId)!
    const context = group.contextOf(self)
    // Another model, dealt with the same random numbers, would show what the two differ by.
    const seed = derivedSeed(identity.seed, `private ${hex(context)} ${hex(sha256(encodeModelBytes(model)))}`)
    const { elements, shortened } = encodeModel(
      group.plan.encoding,
      model,
      initial,
      new SecretStream(seed, 'rounding'),
    )
    if (shortened < 1) this.init.onShortened(group.round, shortened)
    const random = new SecretStream(seed, 'deal')
    exchange.deal(
      group.mode === 'masks'
        ? dealMasks(group.plan.scheme, elements, random)
        : dealModel(group.plan, elements, self, context, random, this.kernels),
    )
  }

  private async outcome(
    group: PrivateGroup,
    { session }: PrivateRound,
    end: PrivateEnd,
    ms: number,
  ): Promise<PrivateOutcome> {
    const { identity, initial, store, run } = this.parts
    const findings = session.findings()
    this.noteSilence(group, session.missing())
    const found = findings.filter(isRefusable).map(({ member }) => group.members[member]!)
    const fresh = found.filter((peer) => !store.memory.refused.includes(peer))
    if (fresh.length > 0)
      await store.save({ ...store.memory, refused: [...store.memory.refused, ...new Set(fresh)] })
    const transcript = encodeTranscript({
      round: group.round,
      author: identity.signer.peerId,
      words: session.recorded(),
      opened: end.type === 'opened' ? end.decision.digest : null,
      reason: end.type === 'failed' ? end.reason : null,
    })
    const report = reportOf(group, group.placeOf(identity.signer.peerId)!, session, end, findings, ms)
    if (end.type === 'failed') {
      this.init.onNoSum(group.round, end.reason)
      return { model: undefined, transcript, sum: undefined, report }
    }
    const model = allocateModel(run.manifest.model.parameterCount)
    decodeMean(group.plan.encoding, end.sum, weightOf(end.decision), initial, model.parameters)
    const sum = new Uint8Array(end.sum.buffer, end.sum.byteOffset, end.sum.byteLength)
    return { model, transcript, sum, report }
  }

  private noteSilence(group: PrivateGroup, silent: ReadonlySet<number>): void {
    for (const [place, peer] of group.members.entries())
      if (silent.has(place)) this.silent.set(peer, (this.silent.get(peer) ?? 0) + 1)
      else this.silent.delete(peer)
  }

  private forget(round: number): void {
    const oldest = round - KEPT_ROUNDS + 1
    for (const old of this.words.keys()) if (old < oldest) this.words.delete(old)
    for (const old of this.groups.keys()) if (old < oldest) this.groups.delete(old)
    this.offered.forget(oldest)
    this.parcels.forget(round + 1)
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
