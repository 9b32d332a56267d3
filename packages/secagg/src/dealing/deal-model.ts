/** A member deals its encoded model to its group. */

import { sha256 } from '@tempered/protocol'
import { add, elementOf } from '../field/field.js'
import type { FieldKernels } from '../field/kernels.js'
import type { MaskSecrets } from '../masks/pairwise-masks.js'
import { randomElement, randomWithin } from '../random/random-elements.js'
import type { SecretStream } from '../random/secret-stream.js'
import { dealVector, shareLength } from '../sharing/deal.js'
import { dealNothing, dealScalars } from '../sharing/scalars.js'
import { challengeOf, parcelHash } from './challenge.js'
import type { DealingPlan } from './dealing-plan.js'
import { DEGREE_POINTS, encodeMasks, encodeVectorShare } from './parcel.js'
import { isShort, projections, RANGE_ROWS } from './range-test.js'

/** What one member gets. */
export interface Parcel {
  readonly vector: Uint8Array
  readonly masks: Uint8Array
}

export interface Dealing {
  /** One per member, in order. */
  readonly parcels: readonly Parcel[]
  /** `parcelHash` of each. */
  readonly hashes: readonly Uint8Array[]
  /** SHA-256 of the parts of each, which the dealer signs. */
  readonly vectorHashes: readonly Uint8Array[]
  readonly maskHashes: readonly Uint8Array[]
  /** How often masks were drawn until all opened values were within their range. */
  readonly attempts: number
  /** In the cheap mode: what the dealer keeps. */
  readonly secrets?: MaskSecrets
}

/**
 * @param elements - of `encodeModel`
 * @param context - as in `challengeOf`
 * @param random - secret, and used for nothing else
 */
export function dealModel(
  plan: DealingPlan,
  elements: BigUint64Array,
  dealer: number,
  context: Uint8Array,
  random: SecretStream,
  kernels: FieldKernels,
): Dealing {
  const { scheme, bounds } = plan
  const vectors = dealVector(scheme, elements, dealer, random, kernels).map(encodeVectorShare)
  const vectorHashes = vectors.map((vector) => sha256(vector))
  const length = shareLength(scheme, elements.length)
  const pieces = Array.from({ length: scheme.packed }, (_, j) =>
    elements.subarray(j * length, Math.min((j + 1) * length, elements.length)),
  )
  for (let attempts = 1; ; attempts++) {
    const { masks, range } = drawMasks(plan, random)
    const maskHashes = masks.map((bytes) => sha256(bytes))
    const hashes = maskHashes.map((hash, member) => parcelHash(vectorHashes[member], hash))
    const challenge = challengeOf(context, hashes)
    const opened = pieces.flatMap((piece, j) =>
      projections(piece, challenge.signs(), kernels).map((value, row) => add(value, range[row][j])),
    )
    // Others are told nothing of the masks that were not good.
    if (!opened.every((value) => isShort(value, bounds))) continue
    return {
      parcels: masks.map((bytes, member) => ({ vector: vectors[member], masks: bytes })),
      hashes,
      vectorHashes,
      maskHashes,
      attempts,
    }
  }
}

/** Each member's masks, and the values of those of the range test: one per row and secret. */
function drawMasks({ scheme, bounds }: DealingPlan, random: SecretStream) {
  const { members, packed } = scheme
  const drawn = (): bigint[] => Array.from({ length: packed }, () => randomElement(random))
  const degree = Array.from({ length: DEGREE_POINTS }, () => dealScalars(scheme, drawn(), random))
  const widest = bounds.opened + bounds.projection
  const range = Array.from({ length: RANGE_ROWS }, () =>
    Array.from({ length: packed }, () => elementOf(randomWithin(random, widest))),
  )
  const rangeShares = range.map((secrets) => dealScalars(scheme, secrets, random))
  const nothing = Array.from({ length: members }, () => dealNothing(scheme, random))
  const masks = Array.from({ length: members }, (_, member) =>
    encodeMasks({
      degree: degree.map((shares) => shares[member]),
      range: rangeShares.map((shares) => shares[member]),
      nothing: nothing.slice(1).map((shares) => shares[member]),
      nothingMask: nothing[0][member],
    }),
  )
  return { masks, range }
}

/** The place of another member among the shares of nothing that a dealer deals. */
export const nothingPlace = (dealer: number, other: number): number => (other < dealer ? other : other - 1)
