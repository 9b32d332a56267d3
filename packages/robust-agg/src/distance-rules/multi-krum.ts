/**
 * Multi-Krum from distances alone: the m models with the best Krum scores count alike.
 *
 * Symbols: as in rules/multi-krum.ts; f default ⌊(n − 3)/2⌋, m default n − f. Ties go to the lower index.
 * Breakdown precondition: n ≥ 2f + 3.
 * Source: Blanchard et al., NeurIPS 2017, arXiv 1703.02757.
 */

import { parameter } from '../parameters.js'
import { byzantineCountParameter, mostTolerated } from '../rules/byzantine-count.js'
import { ascendingOrder, scoresFromMatrix } from '../rules/krum-scores.js'
import type { DistanceRuleDefinition } from './definition.js'

export const multiKrum: DistanceRuleDefinition = {
  name: 'multi-krum',
  formula: 'the m models with the least Krum scores',
  params: [
    byzantineCountParameter('⌊(n − 3)/2⌋'),
    parameter({
      name: 'm',
      min: 1,
      max: 65_535,
      integer: true,
      meaning: 'models that count; default: n − f',
    }),
  ],
  source: 'Blanchard et al., NeurIPS 2017, arXiv 1703.02757',
  fewest: ({ f = 0 }) => 2 * f + 3,
  weigh({ squared, models: n }, { f = mostTolerated(n, 3), m = n - f }) {
    const all = Array.from({ length: n }, (_, i) => i)
    const scores = scoresFromMatrix(squared, n, all, f)
    const order = ascendingOrder(scores)
    const chosen = new Set(order.slice(0, Math.min(m, n - f)))
    return {
      weights: all.map((i) => (chosen.has(i) ? 1 : 0)),
      scores: Array.from(scores),
      threshold: scores[order[chosen.size - 1]],
    }
  },
}
