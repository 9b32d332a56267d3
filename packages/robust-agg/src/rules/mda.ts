/**
 * MDA, minimum diameter averaging: the mean of the n − f models that are closest together.
 *
 *   S = the n − f models with the least max ‖x_i − x_j‖ over pairs in S;   w_i ← mean of S
 *
 * Symbols: n models, including the node's own (index 0); f ∈ [0, 16] assumed Byzantine ones, default: min(16,
 * ⌊(n − 1)/2⌋). Among sets of the same diameter the first one found is used.
 * Breakdown precondition: n > 2f; checked before a run. In a round with fewer models the node keeps its own.
 * Cost: all pairwise distances, O(n²·d); then a search over the distances: a set of diameter ≤ D exists when removing
 * f models hits every pair farther apart than D, which a branching search decides in O(2^f·n²); a bisection over the
 * n²/2 distances finds the least D. Hence the limit on f.
 * Source: El Mhamdi, Guerraoui, Guirguis, Hoang, Rouault, "Genuinely Distributed Byzantine Machine Learning", PODC
 * 2020, arXiv 1905.03853; the estimator is Rousseeuw's (1985).
 * Deviations: none.
 */

import { linearCombination, pairwiseSquaredDistances } from '../kernels/dispatch.js'
import { type ParameterInfo, parameter } from '../parameters.js'
import { byzantineCount, toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'

const MAX_F = 16

const fParameter: ParameterInfo = parameter({
  name: 'f',
  min: 0,
  max: MAX_F,
  integer: true,
  meaning: 'assumed number of Byzantine models; default: min(16, ⌊(n − 1)/2⌋) for the n of the round',
})

/** The first pair i < j, i ≥ `from`, of models that are not removed and lie farther apart than `square`. */
function distantPair(
  matrix: Float64Array,
  removed: Uint8Array,
  square: number,
  from: number,
): [number, number] | null {
  const n = removed.length
  for (let i = from; i < n; i++) {
    if (removed[i] === 1) continue
    for (let j = i + 1; j < n; j++) if (removed[j] === 0 && matrix[i * n + j] > square) return [i, j]
  }
  return null
}

/** At most `budget` models whose removal leaves no pair farther apart than `square`; null when there are none. */
function removal(matrix: Float64Array, n: number, square: number, budget: number): Uint8Array | null {
  const removed = new Uint8Array(n)
  const search = (from: number, left: number): boolean => {
    const pair = distantPair(matrix, removed, square, from)
    if (pair === null) return true
    if (left === 0) return false
    const [i, j] = pair
    for (const one of [j, i]) {
      removed[one] = 1
      if (search(i, left - 1)) return true
      removed[one] = 0
    }
    return false
  }
  return search(0, budget) ? removed : null
}

/** The n − f models of least diameter, ascending, and that diameter squared. */
export function closestSubset(matrix: Float64Array, n: number, f: number): [number[], number] {
  const squares = Float64Array.from(new Set([0, ...matrix])).sort()
  let low = 0
  let high = squares.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (removal(matrix, n, squares[middle], f) === null) low = middle + 1
    else high = middle
  }
  const removed = removal(matrix, n, squares[low], f)
  const kept = Array.from({ length: n }, (_, i) => i).filter((i) => removed?.[i] !== 1)
  return [kept.slice(0, n - f), squares[low]]
}

export const mda: RuleDefinition = {
  info: {
    name: 'mda',
    formula: 'mean of the n − f models of least diameter',
    params: [fParameter],
    needs: 'f ≤ 16, and n > 2f',
    breakdown: 'f models',
    cost: 'O(n²·d + 2^f·n²·log n)',
    source: 'El Mhamdi et al., PODC 2020, arXiv 1905.03853',
    linear: true,
    usesWeights: false,
    example: { f: 1 },
  },
  screen: 'scan',
  build: ({ f: fixed }) => ({
    tolerated: (models) => Math.min(MAX_F, toleratedCount(fixed, models, 1)),
    combine: ({ own, vectors, out, exposed, refused }) => {
      const models = [own, ...vectors]
      const n = models.length
      const f = Math.min(MAX_F, byzantineCount(fixed, { exposed, refused }, n, 1))
      if (f < 0) return 'too-few-models'
      const [selected, square] = closestSubset(pairwiseSquaredDistances(models), n, f)
      const share = 1 / selected.length
      linearCombination(
        selected.map(() => share),
        selected.map((i) => models[i]),
        out,
      )
      const weightOf = (i: number): number => (selected.includes(i) ? share : 0)
      return {
        ownWeight: weightOf(0),
        weights: vectors.map((_, j) => weightOf(j + 1)),
        scores: null,
        threshold: Math.sqrt(square),
        reasons: vectors.map((_, j) => (weightOf(j + 1) > 0 ? 'accepted' : 'not-selected')),
      }
    },
    neededModels: () => 2 * (fixed ?? 0) + 1,
  }),
}
