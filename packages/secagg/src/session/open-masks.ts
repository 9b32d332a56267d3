/** What takes the masks off a sum, from the shares that the members of a group have shown. */

import { sha256 } from '@tempered/protocol'
import { SecaggError } from '../errors.js'
import { add, centred, ELEMENT_BYTES } from '../field/field.js'
import type { FieldKernels } from '../field/kernels.js'
import { decodeMaskDeal, type MaskDeal, SEED_SHARE_BYTES, seedOfPair } from '../masks/deal-masks.js'
import { addMasks, type Mask, maskKeys, undone } from '../masks/pairwise-masks.js'
import { openSeed, SEED_ELEMENTS } from '../masks/shared-seed.js'
import { sumPoints, sumValues } from '../opening/sum.js'
import type { MaskDecision } from './decide-masks.js'
import type { Finding } from './findings.js'
import type { PrivateGroup } from './private-group.js'
import { type GroupWords, hexOf, valuesIn } from './words.js'

/** Check values come before the shares. */
const CHECKS = 2

export interface OpenedMasks {
  /** All that is to be taken off the sum of the masked vectors; undefined while something cannot be opened. */
  readonly masks: readonly Mask[] | undefined
  /** Holders who have shown something else than what their dealers have signed. */
  readonly liars: readonly number[]
  /** Dealers whose shares are not those of what they have signed. */
  readonly inconsistent: readonly number[]
}

/** What a holder says: check values of its own masked vector, or zeros, and its share of a seed or a key of each dealer. */
export function encodeOpening(
  checks: readonly bigint[] | undefined,
  shares: readonly Uint8Array[],
): Uint8Array {
  const bytes = new Uint8Array(CHECKS * ELEMENT_BYTES + SEED_SHARE_BYTES * shares.length)
  bytes.set(new Uint8Array(BigUint64Array.from(checks ?? [0n, 0n]).buffer))
  for (const [k, share] of shares.entries()) bytes.set(share, placeOf(k))
  return bytes
}

const placeOf = (dealer: number): number => CHECKS * ELEMENT_BYTES + SEED_SHARE_BYTES * dealer

/** Of a member in the sum the seed of its own mask is opened, of one that is not its key: never both. */
export function openMasks(group: PrivateGroup, words: GroupWords, decision: MaskDecision): OpenedMasks {
  const { masked, dealers: inSum } = decision
  const { openings, liars } = openingsOf(words, decision)
  const inconsistent: number[] = []
  const seeds = new Map<number, Uint8Array>()
  const deals = new Map(masked.map((dealer) => [dealer, dealOf(group, words, dealer)]))
  for (const [k, dealer] of masked.entries()) {
    const deal = deals.get(dealer)
    if (deal === undefined) continue
    const isInSum = inSum.includes(dealer)
    const { shares, wrong } = sharesOf(k, isInSum ? deal.seedShares : deal.keyShares, openings)
    for (const holder of wrong) liars.add(holder)
    if (shares.size < group.plan.scheme.openers) continue
    const opened = tryOpen(group, shares)
    const isRight = opened !== undefined && isDealt(deal, opened.seed, isInSum)
    // Holders have shown what they were given, so whatever does not fit is the dealer's.
    if (!isRight || opened.liars.length > 0) inconsistent.push(dealer)
    if (isRight) seeds.set(dealer, opened.seed)
  }
  return {
    masks: seeds.size === masked.length ? masksLeft(group, decision, deals, seeds) : undefined,
    liars: [...liars].sort((a, b) => a - b),
    inconsistent,
  }
}

/** What members in the sum have said about their masked vectors, by place. */
export function checkValues(words: GroupWords, decision: MaskDecision): Map<number, readonly bigint[]> {
  const { openings } = openingsOf(words, decision)
  return new Map(
    decision.dealers.flatMap((member) => {
      const said = openings.get(member)
      return said === undefined ? [] : [[member, said.values.slice(0, CHECKS)] as const]
    }),
  )
}

type Openings = ReadonlyMap<number, { readonly bytes: Uint8Array; readonly values: readonly bigint[] }>

/** What holders have said about a decision, and those whose words are none. */
function openingsOf(words: GroupWords, { digest, masked }: MaskDecision) {
  const liars = new Set<number>()
  const openings = new Map<number, { readonly bytes: Uint8Array; readonly values: readonly bigint[] }>()
  for (const [holder, { body }] of words.of('opening')) {
    if (hexOf(body.decision) !== hexOf(digest)) continue
    const values = valuesIn(body.values, CHECKS + SEED_ELEMENTS * masked.length)
    if (values === undefined) liars.add(holder)
    else openings.set(holder, { bytes: body.values, values })
  }
  return { openings, liars }
}

/** The shares of the k-th dealer that are those which it has signed, and the holders of the others. */
function sharesOf(k: number, hashes: readonly Uint8Array[], openings: Openings) {
  const shares = new Map<number, readonly bigint[]>()
  const wrong: number[] = []
  const at = CHECKS + SEED_ELEMENTS * k
  for (const [holder, { bytes, values }] of openings)
    if (hexOf(sha256(bytes.subarray(placeOf(k), placeOf(k + 1)))) === hexOf(hashes[holder]))
      shares.set(holder, values.slice(at, at + SEED_ELEMENTS))
    else wrong.push(holder)
  return { shares, wrong }
}

const isDealt = ({ open, ownHash }: MaskDeal, seed: Uint8Array, isInSum: boolean): boolean =>
  isInSum ? hexOf(sha256(seed)) === hexOf(ownHash) : hexOf(maskKeys(seed).open) === hexOf(open)

function dealOf({ members }: PrivateGroup, words: GroupWords, dealer: number): MaskDeal | undefined {
  const body = words.of('deal').get(dealer)?.body
  return body && decodeMaskDeal(body, members.length)
}

function tryOpen({ plan }: PrivateGroup, shares: ReadonlyMap<number, readonly bigint[]>) {
  try {
    // Their dealer has signed each of them, and what comes out is checked against what it has signed too.
    return openSeed(plan.scheme, shares, 0)
  } catch (error) {
    if (error instanceof SecaggError && error.code === 'E_UNDECODABLE') return undefined
    throw error
  }
}

/** The masks in the sum of the vectors: each member's own, and those with members that are not in it. */
function masksLeft(
  group: PrivateGroup,
  { masked, dealers: inSum }: MaskDecision,
  deals: ReadonlyMap<number, MaskDeal | undefined>,
  seeds: ReadonlyMap<number, Uint8Array>,
): Mask[] {
  const missing = masked.filter((dealer) => !inSum.includes(dealer))
  return inSum.flatMap((member): Mask[] => [
    { seed: seeds.get(member)!, sign: 1 },
    ...missing.map(
      (other): Mask => ({
        seed: seedOfPair(group, [other, member], seeds.get(other)!, deals.get(member)!.open),
        sign: other > member ? 1 : -1,
      }),
    ),
  ])
}

/** Σ x_i, if it is no longer than the sum of so many models can be; undefined otherwise. `total`: Σ y_i. */
export function unmasked(
  { plan }: PrivateGroup,
  { dealers }: MaskDecision,
  masks: readonly Mask[],
  total: BigUint64Array,
  kernels: FieldKernels,
): BigUint64Array | undefined {
  const sum = addMasks(total, undone(masks), kernels)
  return isWithinRange(sum, dealers.length * plan.encoding.length) ? sum : undefined
}

/** Whether ‖x‖₂ ≤ bound. */
function isWithinRange(elements: BigUint64Array, bound: number): boolean {
  let square = 0
  for (const element of elements) square += Number(centred(element)) ** 2
  return square <= bound ** 2
}

/**
 * Whether a vector is the sum that was opened, by the members' words about their masked vectors. Where a member has said none, or
 * wrong ones, it is by the word of a member that has added them up. Wrong ones pass with a chance of at most (d/p)² otherwise.
 *
 * @param sum - Σ x_i, length d
 */
export function isUnmaskedSum(
  group: PrivateGroup,
  words: GroupWords,
  decision: MaskDecision,
  sum: BigUint64Array,
  kernels: FieldKernels,
): boolean {
  const { masks } = openMasks(group, words, decision)
  const values = checkValues(words, decision)
  const { encoding } = group.plan
  const { dealers: inSum, digest } = decision
  if (masks === undefined || sum.length !== encoding.parameterCount) return false
  if (!isWithinRange(sum, inSum.length * encoding.length)) return false
  const total = addMasks(sum, masks, kernels)
  if (values.size === inSum.length && isTotal(total, [...values.values()], digest, kernels)) return true
  const hash = hexOf(sha256(new Uint8Array(total.buffer, total.byteOffset, total.byteLength)))
  return [...words.of('combined').values()].some(
    ({ body }) =>
      hexOf(body.decision) === hexOf(digest) &&
      hexOf(body.share) === hash &&
      body.dealers.length > 0 &&
      inSum.every((member) => values.has(member) || body.dealers.includes(member)),
  )
}

/** Whether the values of a vector at the points of a decision are the sum of these. */
export function isTotal(
  total: BigUint64Array,
  values: readonly (readonly bigint[])[],
  digest: Uint8Array,
  kernels: FieldKernels,
): boolean {
  const got = sumValues(total, sumPoints(digest), kernels)
  return got.every((value, k) => value === values.reduce((sum, said) => add(sum, said[k]), 0n))
}

/** What the words of a round show about the others, each fault of each member once. `wrong`: members whose vector does not fit their words. */
export function maskFindings(
  group: PrivateGroup,
  self: number,
  words: GroupWords,
  decision: MaskDecision | undefined,
  wrong: readonly number[],
): Finding[] {
  const opened = decision && openMasks(group, words, decision)
  const liars = new Set([...(opened?.liars ?? []), ...wrong])
  const inconsistent = new Set(opened?.inconsistent)
  return [...group.members.keys()].flatMap((member): Finding[] => {
    if (member === self) return []
    return [
      ...(words.of('deal').has(member) ? [] : [{ member, fault: 'silent' } as const]),
      ...(inconsistent.has(member) ? [{ member, fault: 'inconsistent' } as const] : []),
      ...(liars.has(member) ? [{ member, fault: 'wrong-share' } as const] : []),
    ]
  })
}
