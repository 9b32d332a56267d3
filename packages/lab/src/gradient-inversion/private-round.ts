/** A round with privacy as the functions of @tempered/secagg compute it, and what colluding members hold after it. */

import {
  centred,
  type DealingPlan,
  dealModel,
  decodeMean,
  derivedSeed,
  distanceShares,
  encodeModel,
  fieldKernels,
  type Held,
  openDistances,
  openParcel,
  openVector,
  pairsOf,
  SEED_BYTES,
  SecretStream,
  sumShare,
} from '@tempered/secagg'

export interface PrivateRoundInit {
  /** One per member, length d, finite. */
  readonly models: readonly Float32Array[]
  /** r, which all members know; models are shared as differences from it. */
  readonly reference: Float32Array
  /** Of as many members, and models of d parameters. */
  readonly plan: DealingPlan
  /** Whole number from 0. Shares follow from it, so that experiments can be repeated: never do so in earnest. */
  readonly seed: number
}

export interface PrivateRound {
  /** L2 distance between two members' models as opened, rounding of the encoding included. */
  distance(first: number, second: number): number
  /** The mean of all models, from their opened sum; length d. */
  readonly mean: Float32Array
  /** What members hold of one dealer's model: one vector of d elements each, in the order of `members`. */
  sharesOf(dealer: number, members: readonly number[]): BigUint64Array[]
  /**
   * The vector of d numbers that is the dealer's difference from the reference if too few shares were enough: those of `members`,
   * interpolated.
   */
  interpolated(dealer: number, members: readonly number[]): Float64Array
  /** Members whose model was shortened. */
  readonly shortened: readonly number[]
}

/**
 * Deals every member's model and opens distances and the sum.
 *
 * @throws SecaggError E_SHARE_SHAPE, E_RANGE
 */
export function playPrivateRound(init: PrivateRoundInit): PrivateRound {
  const { models, reference, plan, seed } = init
  const { scheme, encoding } = plan
  const { parameterCount } = encoding
  const kernels = fieldKernels()
  const root = new Uint8Array(SEED_BYTES)
  new DataView(root.buffer).setUint32(0, seed)
  const stream = (dealer: number, purpose: string) =>
    new SecretStream(derivedSeed(root, `${purpose} ${dealer}`), purpose)
  const contextOf = (dealer: number) => new TextEncoder().encode(`gradient inversion, dealer ${dealer}`)
  const shortened: number[] = []
  const dealings = models.map((model, dealer) => {
    const encoded = encodeModel(encoding, model, reference, stream(dealer, 'rounding'))
    if (encoded.shortened < 1) shortened.push(dealer)
    return dealModel(plan, encoded.elements, dealer, contextOf(dealer), stream(dealer, 'dealing'), kernels)
  })
  const open = (dealer: number, member: number): Held => {
    const { parcels, hashes } = dealings[dealer]!
    return openParcel(plan, { dealer, member, context: contextOf(dealer), hashes }, parcels[member]!, kernels)
  }
  // More members would say the same.
  const openers = models.map((_, member) => member).slice(0, scheme.productAgreeing)
  const said = new Map<number, bigint[]>()
  const sums = new Map<number, BigUint64Array>()
  for (const member of openers) {
    const held = new Map(models.map((_, dealer) => [dealer, open(dealer, member)]))
    said.set(member, distanceShares(held, kernels))
    const weights = models.map(() => 1)
    if (sums.size < scheme.openers) sums.set(member, sumShare([...held.values()], weights, kernels))
  }
  const pairs = pairsOf(models.map((_, member) => member))
  const { squared } = openDistances(scheme, said, pairs.length)
  const unit = 2 ** encoding.scale
  const distances = new Map(
    pairs.map(([a, b], k) => [`${a} ${b}`, Math.sqrt(Number(squared[k]!)) / unit] as const),
  )
  const mean = new Float32Array(parameterCount)
  decodeMean(encoding, openVector(scheme, sums, parameterCount, kernels), models.length, reference, mean)
  const sharesOf = (dealer: number, members: readonly number[]): BigUint64Array[] =>
    members.map((member) => open(dealer, member).elements)
  return {
    distance: (first, second) =>
      first === second ? 0 : distances.get(`${Math.min(first, second)} ${Math.max(first, second)}`)!,
    mean,
    sharesOf,
    interpolated(dealer, members) {
      const shares = new Map(sharesOf(dealer, members).map((share, k) => [members[k]!, share]))
      const guessed = openVector({ ...scheme, openers: members.length }, shares, parameterCount, kernels)
      return Float64Array.from(guessed, (element) => Number(centred(element)) / unit)
    },
    shortened,
  }
}
