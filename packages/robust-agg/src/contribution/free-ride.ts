/**
 * Which models of a round look like those of free riders.
 *
 *   unchanged   ‖u_j‖ ≤ 10⁻⁶·‖x_j‖ and median_{k≠j} ‖u_k‖ ≥ 3·10⁻⁴·‖s‖: the start, up to rounding, where others move
 *   resent      a model of the round before, known by its hash, or within 5 % of another member's
 *   copy        within 5 % of the node's own model
 *   combined    ‖r_j‖ ≤ 10⁻⁶·‖x_j‖ and median_{k≠j} ‖r_k‖ ≥ 3·10⁻⁴·‖s‖: a linear combination of what was known before,
 *               up to rounding, where others add something
 *   noise       overlap_j ≤ 1.5/√d, and median_{k≠j} overlap_k ≥ 3.75/√d: what it adds has nothing in common with what
 *               anyone else adds, and they have something in common
 *   later-copy  within 5 % of a neighbour's model that arrived earlier
 *
 * Symbols: as in comparison.ts. The first that holds is given. The cosine of a random direction with any fixed one has
 * mean 0 and variance 1/d, and is close to normal (its square is Beta(1/2, (d−1)/2)): it is within 1.5/√d in 87 % of
 * rounds, and the median of nine is in 99.7 %. Steps of training on one task have more in common than that, or are
 * opposed, which is something in common too: docs/contribution.md has what was measured. Where nodes train apart, as
 * with one label each under a rule that keeps them apart, nobody has much in common with anybody, and nobody is blamed.
 * Precondition: `combined` and `noise` need d ≥ 400, so that 1.5/√d ≤ 0.075; shorter models are never given them.
 * Source: `unchanged` and `noise` are made for the plain and the disguised free riders of Fraboni, Vidal, Lorenzi,
 * "Free-rider Attacks on Model Aggregation in Federated Learning", AISTATS 2021, arXiv 2006.11901; `combined` for the
 * delta weights of Lin, Du, Liu, "Free-riders in Federated Learning: Attacks and Defenses", 2019, arXiv 1911.12560. The
 * tests are this project's.
 */

import type { ModelComparison } from './comparison.js'

export type FreeRide = 'unchanged' | 'resent' | 'copy' | 'combined' | 'noise' | 'later-copy'

/** Fewest parameters with which directions say something. */
const FEWEST_PARAMETERS = 400

/** Most of the cosines of a random direction with others are not larger than this in d dimensions. */
export function noiseBound(d: number): number {
  return 1.5 / Math.sqrt(d)
}

export interface FreeRideQuestion {
  readonly comparison: ModelComparison
  /** d. */
  readonly parameterCount: number
  /** Whether it is a model of the round before. */
  readonly isResent: boolean
  /** When this model arrived, and when that of each neighbour did; smaller is earlier. */
  readonly arrival: number
  arrivalOf(neighbour: number): number
}

/** The reason to take a model for that of a free rider; null where there is none. */
export function freeRideReason(question: FreeRideQuestion): FreeRide | null {
  const { comparison, parameterCount: d, isResent, arrival, arrivalOf } = question
  const { isStart, isKnown, copies } = comparison
  if (isStart) return 'unchanged'
  if (isResent) return 'resent'
  if (copies.includes(-1)) return 'copy'
  if (d >= FEWEST_PARAMETERS) {
    if (isKnown) return 'combined'
    if (isNoise(comparison, d)) return 'noise'
  }
  return copies.some((k) => k >= 0 && arrivalOf(k) < arrival) ? 'later-copy' : null
}

/** So much more do the others have in common when it says something that one has nothing. */
const USUAL = 2.5

function isNoise({ overlap, usualOverlap }: ModelComparison, d: number): boolean {
  if (overlap === null || usualOverlap === null) return false
  return overlap <= noiseBound(d) && usualOverlap >= USUAL * noiseBound(d)
}
