/**
 * The models nearest to the most central one.
 *
 *   c = argmin_i of the sum of the n − f smallest D_ij (its own 0 among them);  the n − f models with the smallest D_cj count
 *
 * Symbols: n models; D_ij their squared distances; f the assumed number of Byzantine ones, default ⌊(n − 1)/2⌋. Ties go to the
 * lower index.
 * Breakdown precondition: n > 2f.
 * Source: the neighbourhoods are those of nearest-neighbour mixing (Allouah et al., AISTATS 2023, arXiv 2302.01772, section 4);
 * to take the one of the least sum is this project's.
 */

import { byzantineCountParameter, mostTolerated } from '../rules/byzantine-count.js'
import { ascendingOrder } from '../rules/krum-scores.js'
import type { DistanceRuleDefinition } from './definition.js'

export const nearest: DistanceRuleDefinition = {
  name: 'nearest',
  formula: 'the n − f models nearest to the one whose n − f nearest are nearest',
  params: [byzantineCountParameter('⌊(n − 1)/2⌋')],
  source: 'Allouah et al., AISTATS 2023, arXiv 2302.01772',
  fewest: ({ f = 0 }) => 2 * f + 1,
  weigh({ squared, models: n }, { f = mostTolerated(n, 1) }) {
    const rows = Array.from({ length: n }, (_, i) => squared.slice(i * n, (i + 1) * n))
    const sums = rows.map((row) =>
      row.toSorted().reduce((sum, value, k) => (k < n - f ? sum + value : sum), 0),
    )
    const central = rows[ascendingOrder(sums)[0]]
    const order = ascendingOrder(central)
    const chosen = new Set(order.slice(0, n - f))
    return {
      weights: rows.map((_, i) => (chosen.has(i) ? 1 : 0)),
      scores: Array.from(central),
      threshold: central[order[n - f - 1]],
    }
  },
}
