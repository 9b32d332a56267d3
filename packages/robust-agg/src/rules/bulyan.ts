/**
 * Bulyan: pick by repeated Krum, then average per coordinate around the median of the picks.
 *
 *   θ = n − 2f picks: each the model of least Krum score among those left, then removed
 *   w_i[k] ← mean of the θ − 2f values of the picks at k that lie nearest to their median
 *
 * Symbols: n models, including the node's own (index 0); f the assumed number of Byzantine ones, default:
 * ⌊(n − 3)/4⌋. With r models left the score sums the max(0, r − f − 2) nearest squared distances. A tie goes to the
 * model whose next nearest distance is smaller, since the last picks, with few distances left to sum, often tie; then
 * to the lower index.
 * Breakdown precondition: n ≥ 4f + 3; checked before a run. In a round with fewer models the node keeps its own.
 * Cost: all pairwise distances once, O(n²·d), scores from their matrix, a sort of θ values per coordinate.
 * Source: El Mhamdi, Guerraoui, Rouault, "The Hidden Vulnerability of Distributed Learning in Byzantium", ICML 2018,
 * arXiv 1802.07927.
 * Deviations: none known (how public implementations count: the package's README). The reported score is the Krum score
 * among all n models; weights are equal shares of the picks, since no single coefficient exists.
 */

import { closestMean, pairwiseSquaredDistances } from '../kernels/dispatch.js'
import { byzantineCount, byzantineCountParameter, toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'
import { scoresFromMatrix } from './krum-scores.js'

/**
 * The model of `left` with the least score; a tie goes to the one with the smaller next distance, then to the lower
 * index.
 */
function pickLeast(matrix: Float64Array, n: number, left: readonly number[], f: number): number {
  const count = Math.max(0, left.length - f - 2)
  const sorted = left.map((i) => {
    const others = Float64Array.from(
      left.filter((j) => j !== i),
      (j) => matrix[i * n + j],
    ).sort()
    let score = 0
    for (let k = 0; k < count; k++) score += others[k]
    return [score, ...others.subarray(count)]
  })
  let best = 0
  for (let i = 1; i < left.length; i++) {
    const differs = sorted[i].findIndex((value, k) => value !== sorted[best][k])
    if (differs >= 0 && sorted[i][differs] < sorted[best][differs]) best = i
  }
  return left[best]
}

export const bulyan: RuleDefinition = {
  info: {
    name: 'bulyan',
    formula:
      'θ = n − 2f picks by repeated Krum; per coordinate the mean of the θ − 2f nearest to their median',
    params: [byzantineCountParameter('⌊(n − 3)/4⌋')],
    needs: 'f, and n ≥ 4f + 3',
    breakdown: 'f models',
    cost: 'O(n²·d), and per coordinate as `meamed`',
    source: 'El Mhamdi et al., ICML 2018, arXiv 1802.07927',
    linear: false,
    usesWeights: false,
    example: { f: 1 },
  },
  screen: 'scan',
  build: ({ f: fixed }) => ({
    tolerated: (models) => toleratedCount(fixed, models, 3, 4),
    combine: ({ own, vectors, out, exposed, refused }) => {
      const models = [own, ...vectors]
      const n = models.length
      const f = byzantineCount(fixed, { exposed, refused }, n, 3, 4)
      if (f < 0) return 'too-few-models'
      const matrix = pairwiseSquaredDistances(models)
      let left = models.map((_, i) => i)
      const all = scoresFromMatrix(matrix, n, left, f)
      const picks: number[] = []
      while (picks.length < n - 2 * f) {
        const pick = pickLeast(matrix, n, left, f)
        picks.push(pick)
        left = left.filter((i) => i !== pick)
      }
      picks.sort((a, b) => a - b)
      closestMean(
        picks.map((i) => models[i]),
        picks.length - 2 * f,
        out,
      )
      const share = (i: number): number => (picks.includes(i) ? 1 / picks.length : 0)
      return {
        ownWeight: share(0),
        weights: vectors.map((_, j) => share(j + 1)),
        scores: all.subarray(1),
        threshold: null,
        reasons: vectors.map((_, j) => (share(j + 1) > 0 ? 'accepted' : 'not-selected')),
      }
    },
    neededModels: () => 4 * (fixed ?? 0) + 3,
  }),
}
