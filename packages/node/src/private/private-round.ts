import { setMaxListeners } from 'node:events'
import {
  cidFromDigest,
  type Evidence,
  type GroupWordBody,
  makeGroupWordEvidence,
  RAW,
  type SignedGroupWord,
  type Signer,
  sha256,
  signGroupWord,
} from '@tempered/protocol'
import {
  type BlobName,
  createPrivateSession,
  type Dealing,
  type GroupSessionInit,
  type NoSum,
  type ParcelName,
  type PrivateSession,
  type SessionEffect,
  type SessionEvent,
  type SessionPhase,
  type VotedDecision,
} from '@tempered/secagg'
import { type Clock, sleep } from '../clock.js'
import { errorCode } from '../errors.js'
import type { Failpoints } from '../failpoints.js'
import type { Logger } from '../logger.js'
import type { RunNetwork } from '../transport/network.js'
import type { OfferedBlobs } from './offered-blobs.js'
import type { PrivateDeviation } from './private-deviation.js'

export type PrivateEnd =
  | { readonly type: 'opened'; readonly sum: BigUint64Array; readonly decision: VotedDecision }
  | { readonly type: 'failed'; readonly reason: NoSum }

export interface PrivateRoundComponents {
  readonly signer: Signer
  readonly network: Pick<RunNetwork, 'publishGroupWord' | 'fetchGroupWords' | 'fetchModel'>
  /** Parcels, each for its holder, until the round is over. */
  readonly parcels: OfferedBlobs
  /** Shares of sums and shown parcels, for the group. */
  readonly offered: OfferedBlobs
  readonly clock: Clock
  readonly logger: Logger
  readonly deviation: PrivateDeviation | undefined
  readonly failpoints: Failpoints
}

export interface PrivateRoundInit extends GroupSessionInit {
  /** Deadline of each step, ms. */
  readonly stepMs: number
  onContradiction(evidence: Evidence): void
  onError(error: unknown): void
}

/** A holder may hear of a dealing before its dealer serves it, or a stream may break. */
const RETRYABLE = new Set(['E_STREAM', 'E_NO_CONNECTION', 'E_NOT_FOUND', 'E_NOT_ADMITTED', 'E_TIMEOUT'])
const ATTEMPTS = 6
const FIRST_RETRY_MS = 100
/** In a step that lasts, members are asked for words that gossip has not brought: so often within its deadline. */
const POLLS = 12
/** The first time comes soon: words may have been said before this node was there. */
const FIRST_POLL_MS = 500
/** Shares of the sum that take longer than this part of a step are asked of others. */
const FETCH_PARTS = 8
/** Steps of the others that one which only listens waits for. */
const STEPS_LISTENED = 2

/** A private round with its effects carried out: words are signed and published, blobs fetched, deadlines kept. */
export class PrivateRound {
  readonly session: PrivateSession
  readonly ended: Promise<PrivateEnd>
  private readonly parts: PrivateRoundComponents
  private readonly init: PrivateRoundInit
  private readonly controller = new AbortController()
  private end!: (end: PrivateEnd) => void
  private cancelStep: () => void = () => undefined
  private cancelPoll: () => void = () => undefined
  private polled = 0
  private wrongDigest: Uint8Array | undefined
  private readonly ownWords: SignedGroupWord[] = []
  /** What this node has said in the round. */
  readonly said: SignedGroupWord[] = []

  constructor(parts: PrivateRoundComponents, init: PrivateRoundInit) {
    // All transfers of the round listen to it.
    setMaxListeners(0, this.controller.signal)
    this.parts = parts
    this.init = init
    this.session = createPrivateSession(init)
    this.ended = new Promise((resolve) => {
      this.end = resolve
    })
  }

  start(): void {
    this.perform(this.session.start())
  }

  /** Deals the member's own model: each parcel can now be fetched by its holder. */
  deal(honest: Dealing): void {
    const { group, self } = this.init
    const { deviation } = this.parts
    const dealing = deviation?.deal?.(honest, group, self) ?? honest
    for (const [holder, peer] of group.members.entries()) {
      if (holder === self || deviation?.serves?.(group.round, holder) === false) continue
      const { vector, masks } = dealing.parcels[holder]!
      const to = new Set([peer])
      this.parts.parcels.offer(group.round, vector, to, cidOf(dealing.vectorHashes[holder]!))
      this.parts.parcels.offer(group.round, masks, to, cidOf(dealing.maskHashes[holder]!))
    }
    this.handle({ type: 'dealt', dealing })
  }

  word(word: SignedGroupWord): void {
    this.handle({ type: 'word', word })
  }

  awaited(members: ReadonlySet<number>): void {
    this.handle({ type: 'awaited', members })
  }

  /** Cancels everything that still runs; `ended` is not resolved by it. */
  stop(): void {
    this.cancelStep()
    this.cancelPoll()
    this.controller.abort(new DOMException('the private round is over', 'AbortError'))
  }

  private handle(event: SessionEvent): void {
    this.perform(this.session.handle(event))
  }

  private perform(effects: readonly SessionEffect[]): void {
    try {
      for (const effect of effects) this.act(effect)
      // After all effects: what follows from the node's own words may begin the next step.
      for (let word = this.ownWords.shift(); word !== undefined; word = this.ownWords.shift()) this.word(word)
    } catch (error) {
      this.init.onError(error)
    }
  }

  private act(effect: SessionEffect): void {
    const { group } = this.init
    switch (effect.type) {
      case 'say': {
        const { signer, network, deviation, failpoints } = this.parts
        const { kind } = effect.body
        if (kind !== 'complaint') void failpoints.hit(`private.before-${kind}`)
        const honest = this.withWrongShare(effect.body)
        const body = deviation?.say === undefined ? honest : deviation.say(honest)
        // One that says nothing goes on as if it had.
        const word = signGroupWord(body ?? honest, signer)
        if (body !== undefined) {
          this.said.push(word)
          void network.publishGroupWord(word)
        }
        this.ownWords.push(word)
        break
      }
      case 'fetch-parcel':
        this.background(async () => {
          const parcel = await this.fetchParcel(effect.dealer, effect.parcel)
          return { type: 'parcel', dealer: effect.dealer, parcel }
        })
        break
      case 'fetch-shown':
        this.background(async () => {
          const parcel = await this.fetchParcel(effect.accused.holder, effect.parcel)
          return parcel && { type: 'shown', accused: effect.accused, parcel }
        })
        break
      case 'show':
        this.offerToGroup(effect.parcel.vector)
        this.offerToGroup(effect.parcel.masks)
        break
      case 'offer-share':
        this.offerToGroup(this.wrongShare(effect.share) ?? effect.share)
        break
      case 'fetch-share':
        this.background(async () => ({
          type: 'share',
          holder: effect.holder,
          cid: effect.share.cid,
          share: await this.fetchBlob(group.members[effect.holder]!, effect.share),
        }))
        break
      case 'arm':
        this.arm(effect.phase)
        break
      case 'contradiction':
        this.init.onContradiction(makeGroupWordEvidence(...effect.words))
        break
      case 'opened':
      case 'failed':
        this.cancelStep()
        this.cancelPoll()
        this.end(effect)
    }
  }

  private background(work: () => Promise<SessionEvent | undefined>): void {
    work()
      .then((event) => {
        if (event !== undefined && !this.controller.signal.aborted) this.handle(event)
      })
      .catch((error) => {
        if (!this.controller.signal.aborted) this.init.onError(error)
      })
  }

  private offerToGroup(bytes: Uint8Array): void {
    const { group } = this.init
    this.parts.offered.offer(group.round, bytes, new Set(group.members))
  }

  /** What a Byzantine node gives in place of its share; it signs the hash of that, as others would get nothing otherwise. */
  private wrongShare(share: Uint8Array): Uint8Array | undefined {
    const wrong = this.parts.deviation?.share?.(this.init.group.round, share)
    this.wrongDigest = wrong && sha256(wrong)
    return wrong
  }

  private withWrongShare(body: GroupWordBody): GroupWordBody {
    return body.kind === 'opening' && this.wrongDigest !== undefined
      ? { ...body, share: this.wrongDigest }
      : body
  }

  private async fetchParcel(from: number, { vector, masks }: ParcelName) {
    const peer = this.init.group.members[from]!
    const [gotVector, gotMasks] = await Promise.all([
      this.fetchBlob(peer, vector),
      this.fetchBlob(peer, masks),
    ])
    return gotVector && gotMasks && { vector: gotVector, masks: gotMasks }
  }

  /** Undefined when it cannot be had. */
  private async fetchBlob(peer: string, { cid, byteLength }: BlobName): Promise<Uint8Array | undefined> {
    const { network, clock, logger } = this.parts
    const { signal } = this.controller
    const into = new Uint8Array(byteLength)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        await network.fetchModel(peer, cid, into, signal)
        return into
      } catch (error) {
        const code = errorCode(error)
        if (signal.aborted || !RETRYABLE.has(code)) {
          if (!signal.aborted) logger.warn({ peer, code }, 'a share could not be fetched')
          return undefined
        }
        await sleep(clock, FIRST_RETRY_MS * 2 ** attempt, signal)
      }
    }
    logger.warn({ peer }, 'a share could not be fetched')
    return undefined
  }

  private arm(phase: SessionPhase): void {
    const { stepMs, speaks } = this.init
    this.cancelStep()
    this.cancelPoll()
    const wholeMs = speaks ? stepMs : STEPS_LISTENED * stepMs
    const afterMs = phase === 'fetching' ? wholeMs / FETCH_PARTS : wholeMs
    this.cancelStep = this.parts.clock.after(afterMs, () => this.handle({ type: 'timeout', phase }))
    const everyMs = afterMs / POLLS
    this.poll(this.polled === 0 ? Math.min(FIRST_POLL_MS, everyMs) : everyMs, everyMs)
  }

  /** Asks one member after the other, as long as the step lasts. */
  private poll(nextMs: number, everyMs: number): void {
    const { clock, network, signer } = this.parts
    this.cancelPoll = clock.after(nextMs, () => {
      const { group } = this.init
      const others = group.members.filter((peer) => peer !== signer.peerId)
      const peer = others[this.polled++ % others.length]!
      network.fetchGroupWords(peer, group.round, this.controller.signal).catch(() => undefined)
      this.poll(everyMs, everyMs)
    })
  }
}

const cidOf = (digest: Uint8Array): string => cidFromDigest(RAW, digest).toString()
