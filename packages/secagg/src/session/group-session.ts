/**
 * One private round of one member: what it says, what it fetches, and what it takes from what the others say. No network, no
 * clock, no keys: events come in, effects go out, and equal events give equal effects.
 *
 *   deal → answers → distances → vote → opening → sum
 *
 * Each member says one word of each kind. A step ends when all members that are awaited have said theirs, or at its deadline.
 * Distances are said only about dealings that passed their tests, and a share of the sum only with the votes of more than half
 * of the members and of all that may vote twice: two sums of one round would show what they differ by.
 */

import { cidFromDigest, type GroupWordKind, RAW, type SignedGroupWord, sha256 } from '@tempered/protocol'
import { type Held, openParcel } from '../dealing/answer.js'
import { parcelHash } from '../dealing/challenge.js'
import type { Dealing, Parcel } from '../dealing/deal-model.js'
import { elementsIn, maskBytes } from '../dealing/parcel.js'
import { RANGE_ROWS } from '../dealing/range-test.js'
import { SecaggError } from '../errors.js'
import { ELEMENT_BYTES } from '../field/field.js'
import { distanceShares } from '../opening/distances.js'
import { type CheckedSum, checkSum, sumPoints, sumShare, sumValues } from '../opening/sum.js'
import { SEED_BYTES } from '../random/secret-stream.js'
import { openVector, seededMembers, shareLength } from '../sharing/deal.js'
import { type Decision, decide, type NoSum } from './decide.js'
import { type Accused, type Finding, findingsOf, type ShownAnswer } from './findings.js'
import { type Selection, selectDealers } from './select-dealers.js'
import {
  type BlobName,
  type ParcelName,
  type SessionEvent,
  SessionSteps,
  type VotedDecision,
} from './session-steps.js'
import { dealDigest, encodeAnswer, encodeValues, hexOf, valuesIn } from './words.js'

const NO_DECISION = new Uint8Array(32)

export class GroupSession extends SessionSteps {
  private readonly held = new Map<number, Held>()
  /** Parcels by dealer, for a complaint. */
  private readonly parcels = new Map<number, Parcel>()
  private readonly fetchingParcels = new Set<number>()
  /** Dealers whose parcel is there, is broken, or cannot be had. */
  private readonly settledParcels = new Set<number>()
  private readonly broken: number[] = []
  private selection: Selection | undefined
  private decided: Decision | NoSum | undefined
  private chosen: VotedDecision | undefined
  private checked: CheckedSum | undefined
  private readonly shares = new Map<number, BigUint64Array>()
  private readonly asked = new Set<number>()
  /** Holders whose share was wrong, and those from whom none could be had. */
  private readonly badShares = new Set<number>()
  private readonly lostShares = new Set<number>()
  private readonly shownAnswers: ShownAnswer[] = []
  /** Words that the selection and the decision follow from. */
  private readonly used = new Set<SignedGroupWord>()

  /** What was found out about members so far. */
  findings(): readonly Finding[] {
    const { group, self } = this.init
    return findingsOf({
      group,
      self,
      words: this.words,
      selection: this.selection,
      decision: typeof this.decided === 'object' ? this.decided : undefined,
      wrongOpenings: [...(this.checked?.liars ?? []), ...this.badShares],
      shown: this.shownAnswers,
      broken: this.broken,
    })
  }

  /** The decision that this member has come to itself. */
  get decision(): Decision | undefined {
    return typeof this.decided === 'object' ? this.decided : undefined
  }

  protected take(event: SessionEvent): void {
    switch (event.type) {
      case 'dealt':
        this.dealt(event.dealing)
        break
      case 'word':
        this.word(event.word)
        break
      case 'parcel':
        this.parcel(event.dealer, event.parcel)
        break
      case 'shown':
        this.shown(event.accused, event.parcel)
        break
      case 'share':
        this.share(event.holder, event.share)
        break
      case 'awaited':
        this.awaited = event.members
        break
      case 'timeout':
        if (event.phase !== this.current) break
        if (event.phase === 'fetching') this.giveUpShares()
        else this.overdue = true
    }
  }

  private dealt(dealing: Dealing): void {
    const { self } = this.init
    this.parcels.set(self, dealing.parcels[self])
    this.hold(self, dealing.hashes, dealing.parcels[self])
    this.say({ kind: 'deal', vectors: joined(dealing.vectorHashes), masks: joined(dealing.maskHashes) })
  }

  private word(word: SignedGroupWord): void {
    const added = this.words.add(word)
    if (typeof added === 'object') this.effects.push({ type: 'contradiction', words: [added, word] })
    if (added !== 'new') return
    const place = this.init.group.placeOf(word.body.author)!
    if (word.body.kind === 'deal') this.fetchParcel(place)
    if (word.body.kind === 'complaint') this.fetchShown(place, word.body.dealers)
  }

  private fetchParcel(dealer: number): void {
    const { self, speaks } = this.init
    if (!speaks || dealer === self || this.fetchingParcels.has(dealer) || this.said('answers', self)) return
    const parcel = this.parcelName({ dealer, holder: self })
    if (parcel === undefined) {
      this.settledParcels.add(dealer)
      return
    }
    this.fetchingParcels.add(dealer)
    this.effects.push({ type: 'fetch-parcel', dealer, parcel })
  }

  /** What a holder complains about is looked at by everybody. */
  private fetchShown(holder: number, dealers: readonly number[]): void {
    if (holder === this.init.self) return
    for (const dealer of new Set(dealers)) {
      const accused = { dealer, holder }
      const parcel = this.parcelName(accused)
      if (parcel !== undefined) this.effects.push({ type: 'fetch-shown', accused, parcel })
    }
  }

  /** The names of what a dealer says that it gave to a holder; undefined if it said nothing of the kind. */
  private parcelName({ dealer, holder }: Accused): ParcelName | undefined {
    const hashes = this.hashesOf(dealer)
    if (hashes === undefined) return undefined
    const { scheme, encoding } = this.init.group.plan
    const isSeeded = seededMembers(scheme, dealer).includes(holder)
    const elements = shareLength(scheme, encoding.parameterCount)
    return {
      vector: blobName(hashes.vectors[holder], isSeeded ? SEED_BYTES : ELEMENT_BYTES * elements),
      masks: blobName(hashes.masks[holder], maskBytes({ members: scheme.members, rows: RANGE_ROWS })),
    }
  }

  private hashesOf(dealer: number) {
    const body = this.words.of('deal').get(dealer)?.body
    const { length } = this.init.group.members
    if (body === undefined || body.vectors.length !== 32 * length || body.masks.length !== 32 * length)
      return undefined
    const [vectors, masks] = [pieces(body.vectors), pieces(body.masks)]
    return { vectors, masks, parcels: vectors.map((hash, k) => parcelHash(hash, masks[k])) }
  }

  private parcel(dealer: number, parcel: Parcel | undefined): void {
    this.settledParcels.add(dealer)
    const hashes = this.hashesOf(dealer)
    if (parcel === undefined || hashes === undefined || this.said('answers', this.init.self)) return
    this.parcels.set(dealer, parcel)
    this.hold(dealer, hashes.parcels, parcel)
  }

  private hold(dealer: number, hashes: readonly Uint8Array[], parcel: Parcel): void {
    const { self } = this.init
    const held = this.tryOpen({ dealer, holder: self }, hashes, parcel)
    if (held === undefined) this.broken.push(dealer)
    else this.held.set(dealer, held)
  }

  /** Undefined for a parcel that is none: its dealer has signed its hash, so it is to blame. */
  private tryOpen(
    { dealer, holder }: Accused,
    hashes: readonly Uint8Array[],
    parcel: Parcel,
  ): Held | undefined {
    const { group, kernels } = this.init
    const to = { dealer, member: holder, context: group.contextOf(dealer), hashes }
    try {
      return openParcel(group.plan, to, parcel, kernels)
    } catch (error) {
      if (error instanceof SecaggError && error.code === 'E_SHARE_SHAPE') return undefined
      throw error
    }
  }

  /** What a shown parcel says is kept; who is to blame also depends on what others have answered. */
  private shown(accused: Accused, parcel: Parcel): void {
    const hashes = this.hashesOf(accused.dealer)
    if (hashes === undefined) return
    const held = this.tryOpen(accused, hashes.parcels, parcel)
    this.shownAnswers.push({ accused, answer: held && encodeAnswer(held.answer) })
  }

  protected advance(): boolean {
    const isBeforeOpening = this.current !== 'opening' && this.current !== 'fetching'
    if (isBeforeOpening && this.chooseByVotes()) return true
    switch (this.current) {
      case 'dealing':
        return this.answer()
      case 'answering':
        return this.measure()
      case 'measuring':
        return this.vote()
      case 'voting':
        return this.count()
      case 'opening':
        return this.open()
      default:
        return this.finish()
    }
  }

  private answer(): boolean {
    const { self, group, refused } = this.init
    if (this.held.has(self) ? !this.said('deal', self) : !this.overdue) return false
    if (!this.isStepOver((member) => this.said('deal', member) && this.settledParcels.has(member)))
      return false
    const deals = this.words.of('deal')
    const about = [...this.held]
      .filter(([dealer]) => deals.has(dealer))
      .sort(([a], [b]) => a - b)
      .map(([dealer, { answer }]) => ({
        dealer,
        deal: dealDigest(deals.get(dealer)!),
        values: encodeAnswer(answer),
      }))
    this.say({ kind: 'answers', about, refused: refused.filter((member) => member < group.members.length) })
    this.enter('answering')
    return true
  }

  private complain(dealers: readonly number[]): void {
    for (const dealer of dealers) {
      const parcel = this.parcels.get(dealer)
      if (parcel !== undefined) this.effects.push({ type: 'show', parcel })
    }
    this.say({ kind: 'complaint', dealers: [...dealers] })
  }

  private measure(): boolean {
    if (!this.said('answers', this.init.self)) return false
    if (
      !this.isStepOver(
        (member) => this.said('answers', member),
        (member) => this.said('deal', member),
      )
    )
      return false
    const { group, self, kernels } = this.init
    const selection = selectDealers(group, this.words)
    this.selection = selection
    this.noteUsed('deal', 'answers')
    const disputed = selection.disputes.flatMap(({ holder, dealer }) => (holder === self ? [dealer] : []))
    // One word for all of it, as a second one would contradict the first.
    if (disputed.length + this.broken.length > 0) this.complain([...this.broken, ...disputed])
    const { dealers, holders } = selection
    if (holders.includes(self) && dealers.length > 0) {
      const values = encodeValues(distanceShares(this.heldOf(dealers), kernels))
      this.say({ kind: 'distances', dealers: [...dealers], values })
    }
    this.enter('measuring')
    return true
  }

  private heldOf(dealers: readonly number[]): Map<number, Held> {
    return new Map(dealers.map((dealer) => [dealer, this.held.get(dealer)!]))
  }

  private vote(): boolean {
    const { group, self } = this.init
    const selection = this.selection!
    const isHolder = selection.holders.includes(self)
    if (isHolder && selection.dealers.length > 0 && !this.said('distances', self)) return false
    const isDone = (member: number): boolean =>
      this.said('distances', member) || !selection.holders.includes(member)
    if (!this.isStepOver(isDone)) return false
    const decided = decide(group, selection, this.words)
    this.decided = decided
    this.noteUsed('distances')
    if (typeof decided === 'string')
      this.say({ kind: 'vote', decision: NO_DECISION, dealers: [], weights: [] })
    else {
      const { digest, dealers, weights } = decided
      this.say({ kind: 'vote', decision: digest, dealers: [...dealers], weights: [...weights] })
    }
    this.enter('voting')
    return true
  }

  /** Goes on with what has the votes, at whatever step this member is. */
  private chooseByVotes(): boolean {
    const voted = this.elected()
    if (voted === undefined) return false
    this.decideLate()
    if (voted.dealers.length === 0) this.fail(typeof this.decided === 'string' ? this.decided : 'no-quorum')
    else this.begin(voted)
    return true
  }

  private noteUsed(...kinds: readonly GroupWordKind[]): void {
    for (const kind of kinds) for (const word of this.words.of(kind).values()) this.used.add(word)
  }

  /**
   * What the round's transcript holds: the words that this member's decision follows from, so that it can be computed again,
   * and all that has nothing to do with it. Words that came too late for the decision are left out.
   */
  recorded(): SignedGroupWord[] {
    const isFixed = (kind: GroupWordKind): boolean =>
      kind === 'distances'
        ? this.decided !== undefined
        : (kind === 'deal' || kind === 'answers') && this.selection !== undefined
    return this.words.all().filter((word) => !isFixed(word.body.kind) || this.used.has(word))
  }

  /** A member that the others' votes have overtaken decides for itself too: it can open then, and find out liars. */
  private decideLate(): void {
    const { selection } = this
    if (this.decided !== undefined || selection === undefined) return
    const decided = decide(this.init.group, selection, this.words)
    // Otherwise it lacks what the others have heard, which says nothing about them.
    if (typeof decided === 'string') return
    this.decided = decided
    this.noteUsed('distances')
  }

  private begin(voted: VotedDecision): void {
    this.chosen = voted
    const { self, speaks, kernels } = this.init
    const isOwn = this.decision !== undefined && hexOf(this.decision.digest) === hexOf(voted.digest)
    if (speaks && isOwn && this.selection!.holders.includes(self)) {
      const counting = countingOf(voted)
      const held = counting.map(({ dealer }) => this.held.get(dealer)!)
      const share = sumShare(
        held,
        counting.map(({ weight }) => weight),
        kernels,
      )
      this.shares.set(self, share)
      const bytes = new Uint8Array(share.buffer, share.byteOffset, share.byteLength)
      this.effects.push({ type: 'offer-share', share: bytes })
      const values = encodeValues(sumValues(share, sumPoints(voted.digest), kernels))
      this.say({ kind: 'opening', decision: voted.digest, values, share: sha256(bytes) })
    }
    this.enter('opening')
  }

  private count(): boolean {
    const { self, speaks } = this.init
    if (speaks && !this.said('vote', self)) return false
    // One that has missed a step is not waited for in the next.
    const asked = (member: number): boolean => !speaks || this.hasMeasured(member)
    if (!this.isStepOver((member) => this.said('vote', member), asked)) return false
    // Without it, the votes would have decided.
    if (!speaks && !this.overdue) return false
    this.fail(speaks ? (typeof this.decided === 'string' ? this.decided : 'no-quorum') : 'not-there')
    return true
  }

  /** Whether a member has done what it is to do before the votes. */
  private hasMeasured(member: number): boolean {
    const isHolder = this.selection?.holders.includes(member) ?? true
    return isHolder ? this.said('distances', member) : this.said('answers', member)
  }

  /** Members that have left out a step that this member has seen the end of. */
  missing(): Set<number> {
    const { group, self } = this.init
    const hasVoted = this.current === 'opening' || this.current === 'fetching'
    const isMissing = (member: number): boolean =>
      !this.said('deal', member) ||
      (this.selection !== undefined && !this.said('answers', member)) ||
      (this.decided !== undefined && !this.hasMeasured(member)) ||
      (hasVoted && !this.said('vote', member))
    return new Set([...group.members.keys()].filter((member) => member !== self && isMissing(member)))
  }

  /** What members have said about their shares of the chosen sum. */
  private openings(): Map<number, { readonly values: readonly bigint[]; readonly share: Uint8Array }> {
    const found = new Map<number, { values: bigint[]; share: Uint8Array }>()
    const name = hexOf(this.chosen!.digest)
    for (const [member, { body }] of this.words.of('opening')) {
      const values = valuesIn(body.values, sumPoints(this.chosen!.digest).length)
      if (hexOf(body.decision) === name && values !== undefined)
        found.set(member, { values, share: body.share })
    }
    return found
  }

  private open(): boolean {
    const { self, group } = this.init
    if (this.shares.has(self) && !this.said('opening', self)) return false
    const name = hexOf(this.chosen!.digest)
    const holders = this.selection?.holders
    const hasVoted = (member: number): boolean => {
      const vote = this.words.of('vote').get(member)?.body
      return vote !== undefined && hexOf(vote.decision) === name && (holders?.includes(member) ?? true)
    }
    if (!this.isStepOver((member) => this.said('opening', member), hasVoted)) return false
    const said = new Map([...this.openings()].map(([member, { values }]) => [member, values]))
    try {
      this.checked = checkSum(group.plan.scheme, said, sumPoints(this.chosen!.digest))
    } catch (error) {
      if (!(error instanceof SecaggError && error.code === 'E_UNDECODABLE')) throw error
      // More may still come.
      if (this.overdue) this.fail('not-opened')
      return this.overdue
    }
    // A dealer whom nobody else has found out may have given this member alone something else.
    if (this.checked.liars.includes(self)) this.shares.delete(self)
    this.enter('fetching')
    this.ask()
    return true
  }

  /** Fetches as many shares as are missing, each member beginning with those after it. */
  private ask(): void {
    const { self, group } = this.init
    const { openers } = group.plan.scheme
    const openings = this.openings()
    const { length } = group.members
    for (let step = 0; step < length; step++) {
      const holder = (self + step) % length
      const opening = openings.get(holder)
      if (opening === undefined || this.asked.has(holder) || this.checked!.liars.includes(holder)) continue
      if (holder === self && this.shares.has(self)) {
        this.asked.add(self)
        continue
      }
      if (this.hopeful() >= openers) return
      this.asked.add(holder)
      const elements = shareLength(group.plan.scheme, group.plan.encoding.parameterCount)
      this.effects.push({
        type: 'fetch-share',
        holder,
        share: blobName(opening.share, ELEMENT_BYTES * elements),
      })
    }
  }

  /** Shares that are not there by now are asked of others; those that come all the same count too. */
  private giveUpShares(): void {
    for (const holder of this.asked) if (!this.shares.has(holder)) this.lostShares.add(holder)
    this.effects.push({ type: 'arm', phase: 'fetching' })
    this.ask()
  }

  /** Shares that are there or on the way. */
  private hopeful(): number {
    return [...this.asked].filter((member) => !this.badShares.has(member) && !this.lostShares.has(member))
      .length
  }

  private share(holder: number, share: Uint8Array | undefined): void {
    if (this.current !== 'fetching' || !this.asked.has(holder) || this.shares.has(holder)) return
    if (share === undefined) {
      // That proves nothing, but it is not asked again.
      this.lostShares.add(holder)
      this.ask()
      return
    }
    const elements = tryElements(share)
    if (elements !== undefined && this.checked!.isShareOf(holder, elements, this.init.kernels)) {
      this.shares.set(holder, elements)
      this.lostShares.delete(holder)
    } else {
      this.badShares.add(holder)
      this.ask()
    }
  }

  private finish(): boolean {
    const { group, kernels } = this.init
    const { scheme, encoding } = group.plan
    const good = new Map([...this.shares].slice(0, scheme.openers))
    if (good.size === scheme.openers) {
      this.ended = true
      const sum = openVector(scheme, good, encoding.parameterCount, kernels)
      this.effects.push({ type: 'opened', sum, decision: this.chosen! })
      return true
    }
    if (this.hopeful() >= scheme.openers) return false
    this.fail('not-opened')
    return true
  }
}

/** Dealers that count in a sum. */
export function countingOf({ dealers, weights }: Pick<VotedDecision, 'dealers' | 'weights'>) {
  return dealers.flatMap((dealer, k) => (weights[k] > 0 ? [{ dealer, weight: weights[k] }] : []))
}

export function tryElements(share: Uint8Array): BigUint64Array | undefined {
  try {
    return elementsIn(share)
  } catch (error) {
    if (error instanceof SecaggError) return undefined
    throw error
  }
}

export const joined = (hashes: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(32 * hashes.length)
  for (const [k, hash] of hashes.entries()) all.set(hash, 32 * k)
  return all
}

export const pieces = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: bytes.length / 32 }, (_, k) => bytes.slice(32 * k, 32 * (k + 1)))

export const blobName = (digest: Uint8Array, byteLength: number): BlobName => ({
  cid: cidFromDigest(RAW, digest).toString(),
  byteLength,
})
