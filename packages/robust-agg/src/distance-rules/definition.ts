/**
 * Rules that know nothing of the models but the distances between them, as where members share their models instead of
 * showing them. All members see the same distances and come to the same weights, so these rules have no model of their own.
 */

import type { ParameterInfo, Parameters } from '../parameters.js'

export interface DistanceView {
  /** Squared distances, n×n, row-major, symmetric, 0 on the diagonal; finite, at least 0. */
  readonly squared: Float64Array
  /** n, at least 1. */
  readonly models: number
  /** t, 0-based, at most `rounds`; and T, at least 1. */
  readonly round: number
  readonly rounds: number
}

export interface DistanceVerdict {
  /** One per model: whole, 0 for one that is refused. They add up to at least 1 and at most `MOST_WEIGHT`. */
  readonly weights: readonly number[]
  /** What was compared with the threshold; null where a rule compares nothing. */
  readonly scores: readonly number[] | null
  readonly threshold: number | null
}

/** Σ weights is at most this. */
export const MOST_WEIGHT = 1_024

export interface DistanceRuleDefinition {
  readonly name: string
  readonly formula: string
  readonly params: readonly ParameterInfo[]
  readonly source: string
  /** Models that it takes at least. */
  fewest(params: Parameters): number
  weigh(view: DistanceView, params: Parameters): DistanceVerdict
}
