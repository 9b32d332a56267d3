/** What a member says about a dealing after it has looked at its parcel: values on polynomials that others can check. */

import { equalBytes, sha256 } from '@tempered/protocol'
import { add } from '../field/field.js'
import type { FieldKernels } from '../field/kernels.js'
import { elementsOf, seededMembers, shareLength } from '../sharing/deal.js'
import { weighted } from '../sharing/polynomial.js'
import { challengeOf, parcelHash } from './challenge.js'
import type { Parcel } from './deal-model.js'
import type { DealingPlan } from './dealing-plan.js'
import { decodeMasks, decodeVectorShare, type MaskShares } from './parcel.js'
import { projections, RANGE_ROWS } from './range-test.js'

/** Values at the member's point. */
export interface Answer {
  /** f(ρ) + mask for each point ρ, where f has the elements of the share as coefficients. */
  readonly degree: readonly bigint[]
  /** ⟨s_r, share⟩ + mask for each row. */
  readonly range: readonly bigint[]
  /** Σ_j factor_j·nothing_j + mask. */
  readonly nothing: bigint
}

/** A parcel that a member has opened. */
export interface Held {
  readonly elements: BigUint64Array
  readonly masks: MaskShares
  readonly answer: Answer
}

/** What is signed by the dealer, and by whom and for what. */
export interface DealtTo {
  readonly dealer: number
  /** The member that holds it. */
  readonly member: number
  readonly context: Uint8Array
  readonly hashes: readonly Uint8Array[]
}

/** Whether bytes are the parcel of the hash that the dealer has signed. */
export function isParcel({ vector, masks }: Parcel, hash: Uint8Array): boolean {
  return equalBytes(parcelHash(sha256(vector), sha256(masks)), hash)
}

/** Opens a parcel whose hash is right. Throws SecaggError E_SHARE_SHAPE when it is none: then the dealer is to blame. */
export function openParcel(plan: DealingPlan, to: DealtTo, parcel: Parcel, kernels: FieldKernels): Held {
  const { scheme, encoding } = plan
  const length = shareLength(scheme, encoding.parameterCount)
  const isSeeded = seededMembers(scheme, to.dealer).includes(to.member)
  const share = decodeVectorShare(parcel.vector, isSeeded ? 0 : length)
  const masks = decodeMasks(parcel.masks, { members: scheme.members, rows: RANGE_ROWS })
  const elements = elementsOf(share, length, kernels)
  const { points, factors, signs } = challengeOf(to.context, to.hashes)
  return {
    elements,
    masks,
    answer: {
      degree: points.map((point, k) => add(kernels.evaluate(elements, point), masks.degree[k])),
      range: projections(elements, signs(), kernels).map((value, row) => add(value, masks.range[row])),
      nothing: add(weighted(factors, masks.nothing), masks.nothingMask),
    },
  }
}
