/**
 * BALANCE's test, voted by all: a model counts if more than half of the others are within a threshold of it that shrinks over the
 * rounds.
 *
 *   i accepts j iff D_ij ≤ (γ·e^(−κ·t/T)·m)²,  m² = median over pairs of D_ij;  j counts iff accepted by more than (n − 1)/2
 *
 * Symbols: as in rules/balance.ts; n models, D_ij their squared distances. BALANCE measures against the length of the own model,
 * which nobody knows here: the median distance takes its place, so γ is above 1. If nobody is accepted by that many, the model
 * that most accept counts, ties to the lower index.
 * Breakdown precondition: n > 2f.
 * Source: Fang et al., CCS 2024, arXiv 2406.10416. The vote and the median are this project's.
 */

import { detExp } from '../det-math.js'
import { parameter } from '../parameters.js'
import type { DistanceRuleDefinition } from './definition.js'

export const balance: DistanceRuleDefinition = {
  name: 'balance',
  formula: 'accepted by more than half of the others: D_ij ≤ (γ·e^(−κ·t/T)·median)²',
  params: [
    parameter({
      name: 'gamma',
      default: 2,
      min: 0,
      max: 1e6,
      aboveMin: true,
      meaning: 'threshold γ at the start, in median distances',
    }),
    parameter({
      name: 'kappa',
      default: 0.5,
      min: 0,
      max: 100,
      meaning: 'how fast the threshold shrinks, κ',
    }),
  ],
  source: 'Fang et al., CCS 2024, arXiv 2406.10416',
  fewest: () => 3,
  weigh({ squared, models: n, round, rounds }, { gamma, kappa }) {
    const pairs: number[] = []
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) pairs.push(squared[i * n + j])
    pairs.sort((a, b) => a - b)
    const shrunk = gamma * detExp(-kappa * (round / rounds))
    const threshold = shrunk * shrunk * pairs[pairs.length >> 1]
    const votes = Array.from({ length: n }, (_, j) => {
      let count = 0
      for (let i = 0; i < n; i++) if (i !== j && squared[i * n + j] <= threshold) count++
      return count
    })
    const most = Math.max(...votes)
    const counts = (j: number): boolean => 2 * votes[j] > n - 1
    const weights = votes.map((_, j) => (counts(j) ? 1 : 0))
    if (!weights.includes(1)) weights[votes.indexOf(most)] = 1
    // A score is the distance that half of the others are within, so that it can be compared with the threshold.
    const scores = votes.map((_, j) => {
      const others = Array.from({ length: n }, (__, i) => squared[i * n + j]).filter((__, i) => i !== j)
      others.sort((a, b) => a - b)
      return others[Math.floor((n - 1) / 2)]
    })
    return { weights, scores, threshold }
  },
}
