import { type FixedPoint, fixedPoint } from '../encoding/fixed-point.js'
import { type Scheme, sharingScheme } from '../sharing/scheme.js'
import { type RangeBounds, rangeBounds } from './range-test.js'

/** What all members of a group know before anything is dealt. */
export interface DealingPlan {
  readonly scheme: Scheme
  readonly encoding: FixedPoint
  readonly bounds: RangeBounds
}

export interface DealingPlanInit {
  readonly members: number
  readonly threshold: number
  /** Default 1. */
  readonly packed?: number
  readonly parameterCount: number
  readonly range: number
}

/** Throws SecaggError E_SHARING_PARAMS. */
export function dealingPlan(init: DealingPlanInit): DealingPlan {
  const { members, threshold, packed = 1, parameterCount, range } = init
  const encoding = fixedPoint(parameterCount, range, packed)
  return { scheme: sharingScheme(members, threshold, packed), encoding, bounds: rangeBounds(encoding) }
}
