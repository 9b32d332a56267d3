/** Sets unusable neighbours aside before a rule sees any of them: wrong length, NaN or infinity. */

import { allFinite, squaredDistancesTo } from '../kernels/dispatch.js'
import type { RoundInput, VerdictReason } from '../types.js'

/** How unusable vectors are found: by a finite distance to own, which the rule needs anyway, or by a scan. */
export type Screen = 'distance' | 'scan'

export interface Screening {
  /** Indices of the usable neighbours in the input, ascending. */
  readonly usable: readonly number[]
  /** ‖own − x_j‖ of each usable neighbour; empty when screened by scanning. */
  readonly distances: Float64Array
  /** Why a neighbour was set aside, by its index in the input; null for the usable ones. */
  readonly setAside: readonly (VerdictReason | null)[]
}

/** Screens a round in which the own model is finite. */
export function screenNeighbours(input: RoundInput, screen: Screen): Screening {
  const setAside = wrongLengths(input)
  const candidates = setAside.flatMap((reason, j) => (reason === null ? [j] : []))
  const squares = screen === 'distance' ? squaredDistances(input, candidates) : null
  const usable: number[] = []
  const distances: number[] = []
  candidates.forEach((j, c) => {
    const finite = squares === null ? allFinite(input.neighbours[j]) : Number.isFinite(squares[c])
    if (!finite) {
      setAside[j] = 'not-finite'
      return
    }
    usable.push(j)
    if (squares !== null) distances.push(Math.sqrt(squares[c]))
  })
  return { usable, distances: Float64Array.from(distances), setAside }
}

/** Screens a round in which the own model is not finite: no neighbour can be compared with it. */
export function screenWithoutOwn(input: RoundInput): VerdictReason[] {
  return wrongLengths(input).map(
    (reason, j) => reason ?? (allFinite(input.neighbours[j]) ? 'own-not-finite' : 'not-finite'),
  )
}

function wrongLengths({ own, neighbours }: RoundInput): (VerdictReason | null)[] {
  return neighbours.map((x) => (x.length === own.length ? null : 'wrong-length'))
}

/** ‖own − x_j‖² of each candidate; those that the caller knows already are not computed again. */
function squaredDistances(
  { own, neighbours, squaredDistances: given }: RoundInput,
  candidates: readonly number[],
): Float64Array {
  const known = candidates.map((j) => given?.[j] ?? null)
  const missing = candidates.flatMap((_, c) => (known[c] === null ? [c] : []))
  const vectors = missing.map((c) => neighbours[candidates[c]])
  const sums = squaredDistancesTo(own, vectors, new Float64Array(missing.length))
  const squares = Float64Array.from(known, (square) => square ?? 0)
  missing.forEach((c, k) => {
    squares[c] = sums[k]
  })
  return squares
}
