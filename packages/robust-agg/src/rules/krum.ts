/**
 * Krum: take the one model with the closest neighbours.
 *
 *   score(x) = sum of the squared distances from x to its n − f − 2 nearest others;  w_i ← the x of least score
 *
 * Symbols: n models, including the node's own (index 0, neighbours follow in order); f the assumed number of
 * Byzantine ones, default: ⌊(n − 3)/2⌋, the most that the rule tolerates. Ties go to the lower index, so to the
 * node's own model first.
 * Breakdown precondition: n ≥ 2f + 3; checked before a run. In a round with fewer models the node keeps its own.
 * Cost: all pairwise distances, O(n²·d).
 * Source: Blanchard et al., NeurIPS 2017, arXiv 1703.02757.
 * Deviations: none in the score (how public implementations count: the package's README). The winner is adopted,
 * own model or not: in a decentralised run that discards the node's own training when it loses.
 */

import { byzantineCount, byzantineCountParameter, toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'
import { ascendingOrder, krumScores } from './krum-scores.js'

export const krum: RuleDefinition = {
  info: {
    name: 'krum',
    formula: 'the model with the least sum of squared distances to its n − f − 2 nearest others',
    params: [byzantineCountParameter('⌊(n − 3)/2⌋')],
    needs: 'f, and n ≥ 2f + 3',
    breakdown: 'f models',
    cost: 'O(n²·d)',
    source: 'Blanchard et al., NeurIPS 2017, arXiv 1703.02757',
    linear: true,
    usesWeights: false,
    example: { f: 1 },
  },
  screen: 'distance',
  build: ({ f: fixed }) => ({
    combine: ({ own, vectors, out, exposed, refused }) => {
      const models = [own, ...vectors]
      const f = byzantineCount(fixed, { exposed, refused }, models.length, 3)
      if (f < 0) return 'too-few-models'
      const scores = krumScores(models, f)
      const winner = ascendingOrder(scores)[0]
      if (out !== models[winner]) out.set(models[winner])
      return {
        ownWeight: winner === 0 ? 1 : 0,
        weights: vectors.map((_, j) => (j + 1 === winner ? 1 : 0)),
        scores: scores.subarray(1),
        threshold: scores[winner],
        reasons: vectors.map((_, j) => (j + 1 === winner ? 'accepted' : 'not-selected')),
      }
    },
    tolerated: (models) => toleratedCount(fixed, models, 3),
    neededModels: () => 2 * (fixed ?? 0) + 3,
  }),
}
