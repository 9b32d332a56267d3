/**
 * Multi-Krum: the mean of the m models with the best Krum scores.
 *
 *   w_i ← mean of the m least-scored models, score as in Krum
 *
 * Symbols: n models, including the node's own (index 0); f the assumed number of Byzantine ones, default:
 * ⌊(n − 3)/2⌋; m ∈ [1, n − f], left out: n − f. Ties go to the lower index.
 * Breakdown precondition: n ≥ 2f + 3; checked before a run. In a round with fewer models the node's own is kept; an m
 * above n − f is reduced to n − f in a round.
 * Cost: all pairwise distances and one combination, O(n²·d).
 * Source: Blanchard et al., NeurIPS 2017, arXiv 1703.02757.
 * Deviations: none.
 */

import { linearCombination } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import { byzantineCount, byzantineCountParameter, mostTolerated, toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'
import { ascendingOrder, krumScores } from './krum-scores.js'

export const multiKrum: RuleDefinition = {
  info: {
    name: 'multi-krum',
    formula: 'mean of the m models with the least Krum scores',
    params: [
      byzantineCountParameter('⌊(n − 3)/2⌋'),
      parameter({
        name: 'm',
        min: 1,
        max: 65535,
        integer: true,
        meaning: 'models averaged; default: n − f',
      }),
    ],
    needs: 'f, and n ≥ 2f + 3',
    breakdown: 'f models',
    cost: 'O(n²·d)',
    source: 'Blanchard et al., NeurIPS 2017, arXiv 1703.02757',
    linear: true,
    usesWeights: false,
    example: { f: 1 },
  },
  screen: 'distance',
  build: ({ f: fixed, m: wanted }) => ({
    combine: ({ own, vectors, out, exposed, refused }) => {
      const models = [own, ...vectors]
      const f = byzantineCount(fixed, { exposed, refused }, models.length, 3)
      if (f < 0) return 'too-few-models'
      const scores = krumScores(models, f)
      const m = Math.min(wanted ?? models.length - f, models.length - f)
      const order = ascendingOrder(scores).slice(0, m)
      const threshold = scores[order[m - 1]]
      const selected = order.sort((a, b) => a - b)
      linearCombination(
        selected.map(() => 1 / m),
        selected.map((i) => models[i]),
        out,
      )
      const isSelected = (i: number): boolean => selected.includes(i)
      return {
        ownWeight: isSelected(0) ? 1 / m : 0,
        weights: vectors.map((_, j) => (isSelected(j + 1) ? 1 / m : 0)),
        scores: scores.subarray(1),
        threshold,
        reasons: vectors.map((_, j) => (isSelected(j + 1) ? 'accepted' : 'not-selected')),
      }
    },
    tolerated: (models) => toleratedCount(fixed, models, 3),
    neededModels: (models) => {
      const byF = 2 * (fixed ?? 0) + 3
      const f = fixed ?? Math.max(0, mostTolerated(models, 3))
      return wanted === undefined ? byF : Math.max(byF, wanted + f)
    },
  }),
}
