/**
 * One private round of one member in the cheap mode: pairwise masks with recovery of seeds. No network, no clock, no keys: events
 * come in, effects go out, and equal events give equal effects.
 *
 *   deal → answers → masked → (gathering) → vote → opening → combined → sum
 *
 * Masked vectors are fetched by one member, the combiner, which adds them up for all. It votes first, for the members whose vectors it
 * has, so that nobody is counted on whose vector is gone; the others vote the same if it fits what they have heard. When it says
 * nothing in time, the next one takes its place. Seeds are opened only with the votes of a quorum, each member votes once, and
 * of each member either the seed of its own mask or its key is opened.
 *
 * Source: Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS 2017, section 4. There a server
 * adds up and relays; here signed words, votes and check values take its place.
 */

import { cidFromDigest, RAW, type SignedGroupWord, sha256 } from '@tempered/protocol'
import type { Dealing, Parcel } from '../dealing/deal-model.js'
import { ELEMENT_BYTES } from '../field/field.js'
import { decodeMaskDeal, encodeMaskDeal, maskModel, SEED_SHARE_BYTES } from '../masks/deal-masks.js'
import type { MaskSecrets } from '../masks/pairwise-masks.js'
import { sumPoints, sumValues } from '../opening/sum.js'
import type { NoSum } from './decide.js'
import { type MaskDecision, maskDecision, maskedVectors, votedMasks } from './decide-masks.js'
import type { Finding } from './findings.js'
import { blobName, tryElements } from './group-session.js'
import {
  checkValues,
  encodeOpening,
  isTotal,
  maskFindings,
  type OpenedMasks,
  openMasks,
  unmasked,
} from './open-masks.js'
import type { Selection } from './select-dealers.js'
import { selectMaskDealers } from './select-mask-dealers.js'
import { type SessionEvent, SessionSteps, type VotedDecision } from './session-steps.js'
import { dealDigest, hexOf } from './words.js'

const NOTHING = new Uint8Array(32)

/** A member that says to have added up, and what is fetched from it. */
interface Source {
  readonly combiner: number
  readonly cid: string
}

export class MaskSession extends SessionSteps {
  private secrets: MaskSecrets | undefined
  /** What this member holds, by dealer. */
  private readonly held = new Map<number, Parcel>()
  private readonly fetchingParcels = new Set<number>()
  private readonly settledParcels = new Set<number>()
  private selection: Selection | undefined
  /** SHA-256 of this member's own masked vector. */
  private own: Uint8Array | undefined
  /** Who adds up, one after the other when they fail. */
  private combiners: readonly number[] = []
  private attempt = 0
  /** Whether the first deadline of a combiner has passed: it has one itself. */
  private isLate = false
  private decided: MaskDecision | NoSum | undefined
  private chosen: VotedDecision | undefined
  private plan: MaskDecision | undefined
  private hasOpened = false
  private opened: OpenedMasks | undefined
  /** Vectors by CID; only those that are what they are named. */
  private readonly vectors = new Map<string, BigUint64Array>()
  private readonly asked = new Set<string>()
  private readonly lost = new Set<string>()
  /** CIDs of what is no vector of d elements. */
  private readonly misshapen = new Set<string>()
  private source: Source | undefined
  /** Combiners whose sum cannot be had, or is wrong. */
  private readonly failed = new Set<number>()
  /** Members whose vector does not fit what they have said about it. */
  private readonly wrong = new Set<number>()

  get decision(): MaskDecision | undefined {
    return this.plan ?? (typeof this.decided === 'object' ? this.decided : undefined)
  }

  findings(): readonly Finding[] {
    const { group, self } = this.init
    const misshapen = [...this.words.of('masked')].filter(([, { body }]) =>
      this.misshapen.has(cidOf(body.vector)),
    )
    const wrong = [...this.wrong, ...misshapen.map(([member]) => member)]
    return maskFindings(group, self, this.words, this.plan, wrong)
  }

  /** All: what was opened is found again by the votes, whatever else was heard. */
  recorded(): readonly SignedGroupWord[] {
    return this.words.all()
  }

  missing(): Set<number> {
    const { group, self } = this.init
    const { current, selection } = this
    const isAsked = (member: number): boolean => selection?.dealers.includes(member) ?? false
    const hasMasked = current !== 'dealing' && current !== 'answering' && current !== 'masking'
    const hasVoted = current === 'opening' || current === 'combining'
    const isMissing = (member: number): boolean =>
      !this.said('deal', member) ||
      (selection !== undefined && !this.said('answers', member)) ||
      (hasMasked && isAsked(member) && !this.said('masked', member)) ||
      (hasVoted && !this.said('vote', member))
    return new Set([...group.members.keys()].filter((member) => member !== self && isMissing(member)))
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
      case 'share':
        this.vector(event.holder, event.cid, event.share)
        break
      case 'awaited':
        this.awaited = event.members
        break
      case 'timeout':
        if (event.phase === this.current) this.overdue = true
    }
  }

  protected advance(): boolean {
    const isBeforeOpening = this.current !== 'opening' && this.current !== 'combining'
    if (isBeforeOpening && this.chooseByVotes()) return true
    switch (this.current) {
      case 'dealing':
        return this.answer()
      case 'answering':
        return this.mask()
      case 'masking':
        return this.gather()
      case 'gathering':
        return this.vote()
      case 'voting':
        return this.count()
      case 'opening':
        return this.open()
      default:
        return this.combine()
    }
  }

  private dealt(dealing: Dealing): void {
    const { self } = this.init
    const { secrets } = dealing
    if (secrets === undefined) throw new TypeError('a dealing of models in a round of masks')
    this.secrets = secrets
    this.held.set(self, dealing.parcels[self])
    this.say({ kind: 'deal', ...encodeMaskDeal({ ...dealing, secrets }) })
  }

  private word(word: SignedGroupWord): void {
    const added = this.words.add(word)
    if (typeof added === 'object') this.effects.push({ type: 'contradiction', words: [added, word] })
    if (added === 'new' && word.body.kind === 'deal')
      this.fetchParcel(this.init.group.placeOf(word.body.author)!)
  }

  private dealOf(dealer: number) {
    const body = this.words.of('deal').get(dealer)?.body
    return body && decodeMaskDeal(body, this.init.group.members.length)
  }

  private fetchParcel(dealer: number): void {
    const { self, speaks } = this.init
    if (!speaks || dealer === self || this.fetchingParcels.has(dealer) || this.said('answers', self)) return
    const deal = this.dealOf(dealer)
    if (deal === undefined) {
      this.settledParcels.add(dealer)
      return
    }
    this.fetchingParcels.add(dealer)
    this.effects.push({
      type: 'fetch-parcel',
      dealer,
      parcel: {
        vector: blobName(deal.seedShares[self], SEED_SHARE_BYTES),
        masks: blobName(deal.keyShares[self], SEED_SHARE_BYTES),
      },
    })
  }

  private parcel(dealer: number, parcel: Parcel | undefined): void {
    this.settledParcels.add(dealer)
    const { self } = this.init
    const deal = this.dealOf(dealer)
    if (parcel === undefined || deal === undefined || this.said('answers', self)) return
    const isNamed = (bytes: Uint8Array, hash: Uint8Array): boolean => hexOf(sha256(bytes)) === hexOf(hash)
    const isSound = [parcel.vector, parcel.masks].every((bytes) => tryElements(bytes) !== undefined)
    if (
      isSound &&
      isNamed(parcel.vector, deal.seedShares[self]) &&
      isNamed(parcel.masks, deal.keyShares[self])
    )
      this.held.set(dealer, parcel)
  }

  private answer(): boolean {
    const { self, group, refused } = this.init
    if (this.held.has(self) ? !this.said('deal', self) : !this.overdue) return false
    if (!this.isStepOver((member) => this.said('deal', member) && this.settledParcels.has(member)))
      return false
    const deals = this.words.of('deal')
    const about = [...this.held.keys()]
      .filter((dealer) => deals.has(dealer))
      .sort((a, b) => a - b)
      .map((dealer) => ({ dealer, deal: dealDigest(deals.get(dealer)!), values: new Uint8Array(0) }))
    this.say({ kind: 'answers', about, refused: refused.filter((member) => member < group.members.length) })
    this.enter('answering')
    return true
  }

  private mask(): boolean {
    const { group, self } = this.init
    if (!this.said('answers', self)) return false
    const hasAnswered = (member: number): boolean => this.said('answers', member)
    if (!this.isStepOver(hasAnswered, (member) => this.said('deal', member))) return false
    const selection = selectMaskDealers(group, this.words)
    this.selection = selection
    const { dealers, holders } = selection
    if (dealers.length < group.leastInSum || holders.length < group.plan.scheme.productOpeners)
      this.decided = 'too-few-members'
    else this.sayMasked(selection)
    this.enter('masking')
    return true
  }

  /** Says nothing where it does not know what others have dealt: then its masks would not cancel. */
  private sayMasked({ dealers, deals }: Selection): void {
    const { group, self, kernels } = this.init
    const openKeys = new Map<number, Uint8Array>()
    for (const [k, dealer] of dealers.entries()) {
      const word = this.words.of('deal').get(dealer)
      const deal = this.dealOf(dealer)
      if (word === undefined || deal === undefined || hexOf(dealDigest(word)) !== hexOf(deals[k])) return
      openKeys.set(dealer, deal.open)
    }
    if (this.secrets === undefined || !openKeys.has(self)) return
    const vector = maskModel(group, self, this.secrets, openKeys, kernels)
    const share = bytesOf(vector)
    this.own = sha256(share)
    this.vectors.set(cidOf(this.own), vector)
    this.effects.push({ type: 'offer-share', share })
    this.say({ kind: 'masked', dealers: [...dealers], vector: this.own })
  }

  private gather(): boolean {
    const { group, self } = this.init
    const { dealers } = this.selection!
    if (this.own !== undefined && !this.said('masked', self)) return false
    const isAsked = (member: number): boolean => dealers.includes(member)
    if (this.decided === undefined && !this.isStepOver((member) => this.said('masked', member), isAsked))
      return false
    const there = maskedVectors(this.words, dealers)
    if (this.decided !== undefined || there.size < group.leastInSum) this.voteForNothing('too-few-members')
    else {
      this.combiners = this.inTurn(dealers).filter((member) => there.has(member))
      this.ask()
    }
    return true
  }

  /** Members in the order in which they add up in this round. */
  private inTurn(members: readonly number[]): number[] {
    const first = this.init.group.round % members.length
    return [...members.slice(first), ...members.slice(0, first)]
  }

  /** Waits for the vote of the next combiner, or gathers the vectors. */
  private ask(): void {
    this.isLate = false
    this.enter('gathering')
    if (this.combiners[this.attempt] === this.init.self)
      this.fetchVectors(maskedVectors(this.words, this.selection!.dealers))
  }

  private fetchVectors(digests: ReadonlyMap<number, Uint8Array>): void {
    for (const [member, digest] of digests) if (!this.vectors.has(cidOf(digest))) this.fetch(member, digest)
  }

  private fetch(holder: number, digest: Uint8Array): void {
    const share = blobName(digest, ELEMENT_BYTES * this.init.group.plan.encoding.parameterCount)
    const name = `${holder} ${share.cid}`
    if (this.asked.has(name)) return
    this.asked.add(name)
    this.effects.push({ type: 'fetch-share', holder, share })
  }

  private vector(holder: number, cid: string, bytes: Uint8Array | undefined): void {
    const name = `${holder} ${cid}`
    if (!this.asked.has(name)) return
    if (bytes === undefined || cidOf(sha256(bytes)) !== cid) {
      this.lost.add(name)
      return
    }
    const elements = tryElements(bytes)
    if (elements?.length === this.init.group.plan.encoding.parameterCount) this.vectors.set(cid, elements)
    else {
      this.misshapen.add(cid)
      this.lost.add(name)
    }
  }

  /** Whether a fetch has ended, or cannot end well. */
  private isSettled(holder: number, digest: Uint8Array): boolean {
    const cid = cidOf(digest)
    return this.vectors.has(cid) || this.lost.has(`${holder} ${cid}`) || !this.awaited.has(holder)
  }

  private vote(): boolean {
    const { self, group } = this.init
    const combiner = this.combiners[this.attempt]
    const there = maskedVectors(this.words, this.selection!.dealers)
    if (combiner === self) {
      this.fetchVectors(there)
      const isGathered = [...there].every(([member, digest]) => this.isSettled(member, digest))
      if (!isGathered && !this.overdue) return false
      const inSum = [...there].flatMap(([member, digest]) =>
        this.vectors.has(cidOf(digest)) ? [member] : [],
      )
      if (inSum.length < group.leastInSum) this.voteForNothing('too-few-members')
      else this.voteFor(maskDecision(group, this.words, this.selection!, inSum)!)
      return true
    }
    const vote = this.words.of('vote').get(combiner)?.body
    const proposed = vote && this.proposed(vote.dealers, vote.decision, there)
    if (proposed !== undefined) {
      this.voteFor(proposed)
      return true
    }
    // More of what it follows from may come.
    const isHopeless = vote === undefined ? !this.awaited.has(combiner) : vote.dealers.length === 0
    if (!isHopeless && !this.overdue) return false
    if (!isHopeless && !this.isLate) {
      this.enter('gathering')
      this.isLate = true
      return true
    }
    this.attempt += 1
    if (this.attempt > group.plan.scheme.threshold || this.attempt >= this.combiners.length)
      this.voteForNothing('no-quorum')
    else this.ask()
    return true
  }

  /** A combiner's proposal, if it leaves out at most as many of those that were heard as may be gone or lie. */
  private proposed(
    inSum: readonly number[],
    digest: Uint8Array,
    there: ReadonlyMap<number, Uint8Array>,
  ): MaskDecision | undefined {
    const { group } = this.init
    const isAscending = inSum.every((member, k) => k === 0 || inSum[k - 1] < member)
    const least = Math.max(group.leastInSum, there.size - group.plan.scheme.threshold)
    if (!isAscending || inSum.length < least) return undefined
    const decision = maskDecision(group, this.words, this.selection!, inSum)
    return decision !== undefined && hexOf(decision.digest) === hexOf(digest) ? decision : undefined
  }

  private voteFor(decision: MaskDecision): void {
    this.decided = decision
    const { digest, dealers, weights } = decision
    this.say({ kind: 'vote', decision: digest, dealers: [...dealers], weights: [...weights] })
    this.enter('voting')
  }

  private voteForNothing(reason: NoSum): void {
    this.decided = reason
    this.say({ kind: 'vote', decision: NOTHING, dealers: [], weights: [] })
    this.enter('voting')
  }

  /** Goes on with what has the votes, at whatever step this member is. */
  private chooseByVotes(): boolean {
    const voted = this.elected()
    if (voted === undefined) return false
    if (voted.dealers.length === 0) this.fail(typeof this.decided === 'string' ? this.decided : 'no-quorum')
    else {
      this.chosen = voted
      this.enter('opening')
    }
    return true
  }

  private count(): boolean {
    const { self, speaks } = this.init
    if (speaks && !this.said('vote', self)) return false
    const isAsked = (member: number): boolean => !speaks || this.said('answers', member)
    if (!this.isStepOver((member) => this.said('vote', member), isAsked)) return false
    // Without it, the votes would have decided.
    if (!speaks && !this.overdue) return false
    this.fail(speaks ? (typeof this.decided === 'string' ? this.decided : 'no-quorum') : 'not-there')
    return true
  }

  private open(): boolean {
    const { self, group } = this.init
    this.plan ??= votedMasks(group, this.words, this.chosen!)
    if (this.plan === undefined) {
      if (this.overdue) this.fail('not-opened')
      return this.overdue
    }
    if (!this.hasOpened && this.mayOpen(this.plan)) this.sayOpening(this.plan)
    if (this.hasOpened && !this.said('opening', self)) return false
    const name = hexOf(this.plan.digest)
    const holders = this.selection?.holders
    const isAsked = (member: number): boolean => {
      const vote = this.words.of('vote').get(member)?.body
      return vote !== undefined && hexOf(vote.decision) === name && (holders?.includes(member) ?? true)
    }
    if (!this.isStepOver((member) => this.said('opening', member), isAsked)) return false
    const opened = openMasks(group, this.words, this.plan)
    if (opened.masks === undefined) {
      // More may still come.
      if (this.overdue) this.fail('not-opened')
      return this.overdue
    }
    this.opened = opened
    this.combiners = this.inTurn(this.plan.dealers)
    this.attempt = 0
    this.beginAttempt()
    return true
  }

  /** Only what this member would vote for itself, or has voted for: its shares are of seeds for some and of keys for others. */
  private mayOpen({ digest, masked, deals }: MaskDecision): boolean {
    const { self, speaks } = this.init
    const { selection, decided } = this
    if (!speaks || selection === undefined || !selection.holders.includes(self)) return false
    if (decided !== undefined) return typeof decided === 'object' && hexOf(decided.digest) === hexOf(digest)
    return (
      masked.join() === selection.dealers.join() &&
      deals.every((deal, k) => hexOf(deal) === hexOf(selection.deals[k]))
    )
  }

  private sayOpening({ digest, masked, dealers: inSum, vectors }: MaskDecision): void {
    const { self, kernels } = this.init
    this.hasOpened = true
    const at = inSum.indexOf(self)
    const own = at < 0 ? undefined : this.vectors.get(cidOf(vectors[at]))
    const shares = masked.map((dealer) => {
      const { vector, masks } = this.held.get(dealer)!
      return inSum.includes(dealer) ? vector : masks
    })
    this.say({
      kind: 'opening',
      decision: digest,
      values: encodeOpening(own && sumValues(own, sumPoints(digest), kernels), shares),
      share: own === undefined ? NOTHING : vectors[at],
    })
  }

  private beginAttempt(): void {
    this.enter('combining')
    if (this.combiners[this.attempt] === this.init.self) this.fetchVectors(this.digests())
  }

  private digests(): Map<number, Uint8Array> {
    const { dealers, vectors } = this.plan!
    return new Map(dealers.map((member, k) => [member, vectors[k]]))
  }

  private combine(): boolean {
    const digests = this.digests()
    if ([...digests.values()].every((digest) => this.vectors.has(cidOf(digest)))) {
      this.addUp(digests)
      return true
    }
    if (this.source !== undefined && this.check(this.source)) return true
    if (this.source === undefined && this.choose()) return true
    const combiner = this.combiners[this.attempt]
    const isGivenUp =
      this.source === undefined &&
      (combiner === this.init.self
        ? [...digests].every(([member, digest]) => this.isSettled(member, digest))
        : this.failed.has(combiner) || !this.awaited.has(combiner))
    if (!isGivenUp && !this.overdue) return false
    this.attempt += 1
    if (this.attempt > this.init.group.plan.scheme.threshold || this.attempt >= this.combiners.length)
      this.fail('not-opened')
    else this.beginAttempt()
    return true
  }

  /** Has all vectors: offers their sum, and the vectors of those whose check values are missing or wrong. */
  private addUp(digests: ReadonlyMap<number, Uint8Array>): void {
    const { kernels, group, speaks } = this.init
    const vectors = [...digests.values()].map((digest) => this.vectors.get(cidOf(digest))!)
    const total = new BigUint64Array(group.plan.encoding.parameterCount)
    kernels.combine(
      vectors.map(() => 1n),
      vectors,
      total,
    )
    const values = checkValues(this.words, this.plan!)
    const doubtful = [...digests.keys()].filter((member) => {
      const said = values.get(member)
      return said === undefined || !this.fits(member, said)
    })
    if (speaks && !this.said('combined', this.init.self)) {
      for (const member of doubtful)
        this.effects.push({ type: 'offer-share', share: bytesOf(this.vectorOf(member)!) })
      const share = bytesOf(total)
      this.effects.push({ type: 'offer-share', share })
      this.say({
        kind: 'combined',
        decision: this.plan!.digest,
        dealers: doubtful,
        share: sha256(share),
      })
    }
    this.finish(total)
  }

  private vectorOf(member: number): BigUint64Array | undefined {
    const digest = this.digests().get(member)
    return digest && this.vectors.get(cidOf(digest))
  }

  /** Whether a member's vector is what it has said about it. */
  private fits(member: number, said: readonly bigint[]): boolean {
    const vector = this.vectorOf(member)!
    const isRight = isTotal(vector, [said], this.plan!.digest, this.init.kernels)
    if (!isRight) this.wrong.add(member)
    return isRight
  }

  private combinedBy(combiner: number) {
    const body = this.words.of('combined').get(combiner)?.body
    return body !== undefined && hexOf(body.decision) === hexOf(this.plan!.digest) ? body : undefined
  }

  /** Begins to fetch from a member that has added up; whether there is one. */
  private choose(): boolean {
    const digests = this.digests()
    for (const combiner of this.words.of('combined').keys()) {
      const body = this.combinedBy(combiner)
      if (body === undefined || this.failed.has(combiner) || combiner === this.init.self) continue
      this.source = { combiner, cid: cidOf(body.share) }
      this.fetch(combiner, body.share)
      for (const member of new Set(body.dealers)) {
        const digest = digests.get(member)
        if (digest !== undefined && !this.vectors.has(cidOf(digest))) this.fetch(combiner, digest)
      }
      return true
    }
    return false
  }

  /** Looks at what a combiner has given; whether something came of it. */
  private check({ combiner, cid }: Source): boolean {
    const digests = this.digests()
    const { dealers } = this.combinedBy(combiner)!
    const named = [...new Set(dealers)].filter((member) => digests.has(member))
    const cids = [cid, ...named.map((member) => cidOf(digests.get(member)!))]
    const isLost = cids.some((one) => !this.vectors.has(one) && this.lost.has(`${combiner} ${one}`))
    if (!isLost && cids.some((one) => !this.vectors.has(one))) return false
    const values = checkValues(this.words, this.plan!)
    const heard = isLost ? [] : [...digests.keys()].map((member) => this.valuesOf(member, values))
    // What a member says about its vector may have come to the combiner alone so far.
    if (heard.includes(undefined)) return false
    const total = this.vectors.get(cid)
    const said = heard.flatMap((one) => (one === undefined ? [] : [one]))
    if (!isLost && isTotal(total!, said, this.plan!.digest, this.init.kernels)) this.finish(total!)
    else {
      // Who is to blame is not clear: a member may have told the combiner other values.
      this.failed.add(combiner)
      this.source = undefined
    }
    return true
  }

  /** Of a vector that is there; otherwise what its member says. */
  private valuesOf(
    member: number,
    values: ReadonlyMap<number, readonly bigint[]>,
  ): readonly bigint[] | undefined {
    const vector = this.vectorOf(member)
    const said = values.get(member)
    if (vector === undefined) return said
    if (said !== undefined && this.fits(member, said)) return said
    return sumValues(vector, sumPoints(this.plan!.digest), this.init.kernels)
  }

  private finish(total: BigUint64Array): void {
    const { group, kernels } = this.init
    const sum = unmasked(group, this.plan!, this.opened!.masks!, total, kernels)
    if (sum === undefined) {
      this.fail('out-of-range')
      return
    }
    this.ended = true
    this.effects.push({ type: 'opened', sum, decision: this.chosen! })
  }
}

const cidOf = (digest: Uint8Array): string => cidFromDigest(RAW, digest).toString()

const bytesOf = ({ buffer, byteOffset, byteLength }: BigUint64Array): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)
