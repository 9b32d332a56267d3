/** What the sessions of both modes have in common: events come in, effects go out, and steps end by words or deadlines. */

import type { GroupWordBody, GroupWordKind, SignedGroupWord } from '@tempered/protocol'
import type { Dealing, Parcel } from '../dealing/deal-model.js'
import type { FieldKernels } from '../field/kernels.js'
import type { NoSum } from './decide.js'
import type { Accused } from './findings.js'
import type { PrivateGroup } from './private-group.js'
import { GroupWords, hexOf } from './words.js'

/** `masking`, `gathering` and `combining` are those of the cheap mode (mask-session.ts). */
export type SessionPhase =
  | ('dealing' | 'answering' | 'measuring' | 'voting' | 'opening' | 'fetching')
  | ('masking' | 'gathering' | 'combining')

/** A blob that is named by its hash. */
export interface BlobName {
  readonly cid: string
  readonly byteLength: number
}

/** Where a parcel is: its two parts. */
export interface ParcelName {
  readonly vector: BlobName
  readonly masks: BlobName
}

export type SessionEvent =
  /** The member's own model is dealt. */
  | { readonly type: 'dealt'; readonly dealing: Dealing }
  /** A word of this group and round, its signature checked; the member's own too, once it is said. */
  | { readonly type: 'word'; readonly word: SignedGroupWord }
  /** What a `fetch-parcel` has brought; undefined when it failed. */
  | { readonly type: 'parcel'; readonly dealer: number; readonly parcel: Parcel | undefined }
  /** What a `fetch-shown` has brought. */
  | { readonly type: 'shown'; readonly accused: Accused; readonly parcel: Parcel }
  /** What a `fetch-share` has brought; undefined when it failed. */
  | {
      readonly type: 'share'
      readonly holder: number
      readonly cid: string
      readonly share: Uint8Array | undefined
    }
  /** Members whose words are worth waiting for: connected, and not silent for long. */
  | { readonly type: 'awaited'; readonly members: ReadonlySet<number> }
  | { readonly type: 'timeout'; readonly phase: SessionPhase }

export type SessionEffect =
  | { readonly type: 'say'; readonly body: GroupWordBody }
  /** Parcels that this member has dealt: each may be fetched by its holder alone. */
  | { readonly type: 'fetch-parcel'; readonly dealer: number; readonly parcel: ParcelName }
  /** A parcel that its holder complains about, from the holder. */
  | { readonly type: 'fetch-shown'; readonly accused: Accused; readonly parcel: ParcelName }
  /** A parcel that this member complains about, which the group may now fetch. */
  | { readonly type: 'show'; readonly parcel: Parcel }
  /** This member's share of the sum, which the group may now fetch. */
  | { readonly type: 'offer-share'; readonly share: Uint8Array }
  | { readonly type: 'fetch-share'; readonly holder: number; readonly share: BlobName }
  /** Begins the deadline of a step. */
  | { readonly type: 'arm'; readonly phase: SessionPhase }
  /** A member has said two things. */
  | { readonly type: 'contradiction'; readonly words: readonly [SignedGroupWord, SignedGroupWord] }
  | { readonly type: 'opened'; readonly sum: BigUint64Array; readonly decision: VotedDecision }
  | { readonly type: 'failed'; readonly reason: NoSum }

/** What the members have voted for. */
export interface VotedDecision {
  readonly digest: Uint8Array
  readonly dealers: readonly number[]
  readonly weights: readonly number[]
}

export interface GroupSessionInit {
  readonly group: PrivateGroup
  /** Place of this member. */
  readonly self: number
  /**
   * Whether it takes part; false for one that may have said something in this round before a restart: it listens, and takes the
   * sum that the others open.
   */
  readonly speaks: boolean
  /** Members that were found out before. */
  readonly refused: readonly number[]
  readonly awaited: ReadonlySet<number>
  readonly kernels: FieldKernels
}

type Body<W> = W extends GroupWordBody ? Omit<W, 'run' | 'round'> : never

export abstract class SessionSteps {
  readonly words: GroupWords
  protected readonly init: GroupSessionInit
  protected effects: SessionEffect[] = []
  protected current: SessionPhase = 'dealing'
  /** Whether the deadline of the step has passed. */
  protected overdue = false
  protected ended = false
  protected awaited: ReadonlySet<number>

  constructor(init: GroupSessionInit) {
    this.init = init
    this.awaited = init.awaited
    this.words = new GroupWords(init.group)
  }

  protected abstract take(event: SessionEvent): void
  /** One step forward; whether there was one. */
  protected abstract advance(): boolean

  get phase(): SessionPhase {
    return this.current
  }

  get isOver(): boolean {
    return this.ended
  }

  /** Begins; to be called once, before any event. */
  start(): readonly SessionEffect[] {
    return this.collect(() => {
      // One that does not take part waits for what the others vote for.
      this.enter(this.init.speaks ? 'dealing' : 'voting')
    })
  }

  handle(event: SessionEvent): readonly SessionEffect[] {
    return this.collect(() => this.take(event))
  }

  protected collect(work: () => void): readonly SessionEffect[] {
    this.effects = []
    work()
    while (!this.ended && this.advance());
    return this.effects
  }

  protected enter(phase: SessionPhase): void {
    this.current = phase
    this.overdue = false
    this.effects.push({ type: 'arm', phase })
  }

  protected say(body: Body<GroupWordBody>): void {
    const { run, round } = this.init.group
    this.effects.push({ type: 'say', body: { ...body, run: run.id, round } as GroupWordBody })
  }

  protected fail(reason: NoSum): void {
    this.ended = true
    this.effects.push({ type: 'failed', reason })
  }

  protected said(kind: GroupWordKind, member: number): boolean {
    return this.words.of(kind).has(member)
  }

  /** Whether the step is over: its deadline has passed, or all that are awaited and of whom it is asked have done it. */
  protected isStepOver(
    isDone: (member: number) => boolean,
    isAsked: (member: number) => boolean = () => true,
  ): boolean {
    if (this.overdue) return true
    for (const member of this.awaited)
      if (member !== this.init.self && isAsked(member) && !isDone(member)) return false
    return true
  }

  /** What a quorum has voted for; no dealers where it is for nothing. */
  protected elected(): VotedDecision | undefined {
    const votes = new Map<string, VotedDecision & { count: number }>()
    for (const { body } of this.words.of('vote').values()) {
      const { decision: digest, dealers, weights } = body
      const name = `${hexOf(digest)} ${dealers.join()} ${weights.join()}`
      const known = votes.get(name) ?? { digest, dealers, weights, count: 0 }
      votes.set(name, known)
      known.count += 1
    }
    return [...votes.values()].find(({ count }) => count >= this.init.group.quorum)
  }
}
