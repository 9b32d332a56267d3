/**
 * ClippedGossip (self-centred clipping): step towards every neighbour, but no farther than a radius.
 *
 *   w_i ← w_i + Σ_j W_ij·clip(w_j − w_i, τ),   clip(v, τ) = v·min(1, τ/‖v‖)
 *
 * Symbols: W_ij mixing weights (1/n each when none are given), τ ≥ 0 the radius. Either `tau` is given and stays
 * fixed, or `b` ∈ (0, 1), an upper bound on the Byzantine weight in my neighbourhood, is given and the radius adapts
 * in every round: drop the farthest neighbours that carry weight b, τ = sqrt(Σ_kept W_ij·d_ij²/b).
 * Breakdown precondition: with b, all neighbours except the heaviest carry a weight of at least b together (for equal
 * weights n ≥ 2/(1 − b)), checked before a run; otherwise the radius can be 0, and then nothing moves. Each neighbour
 * moves the result by at most W_ij·τ.
 * Cost: one distance to each neighbour, one combination, a sort of n distances: O(n·d).
 * Source: He, Karimireddy, Jaggi 2022, arXiv 2202.01545 (rule, oracle radius); the practical radius from Gaucher,
 * Dieuleveut, Hendrikx, "Unified Breakdown Analysis for Byzantine Robust Gossip", ICML 2025, arXiv 2410.10418.
 * Deviations: a neighbour that only partly fits into b is dropped entirely (a smaller, safer radius). The public code of
 * Gaucher et al. (renaudgaucher/Byzantine-Robust-Gossip, aggregators/robust_gossip.py, `cs_he`) also drops the next
 * neighbour when the farther ones weigh exactly b, as f equal neighbours do for b = f/n; there, without slack for
 * rounding, the last bit of a sum decides. `boundary` = 1 always drops it. With
 * `oracle` = 1 the radius is the paper's sqrt(Σ_honest W_ij·d_ij²/δ), δ the Byzantine weight, which needs
 * `RoundInput.honest`.
 */

import { RobustAggError } from '../errors.js'
import { parameter } from '../parameters.js'
import {
  clippedStep,
  modelsForWeightBeyond,
  neighboursWithin,
  oracleRadius,
  practicalRadius,
} from './clipping.js'
import type { RuleDefinition } from './definition.js'
import { honestOf } from './round-view.js'

const OWNER = "rule 'clipped-gossip'"

export const clippedGossip: RuleDefinition = {
  info: {
    name: 'clipped-gossip',
    formula: 'w_i + Σ_j W_ij·clip(w_j − w_i, τ)',
    params: [
      parameter({ name: 'tau', min: 0, max: 1e30, meaning: 'fixed radius; give tau or b, not both' }),
      parameter({
        name: 'b',
        min: 0,
        max: 0.999999,
        aboveMin: true,
        meaning:
          'upper bound on the Byzantine mixing weight, sets the radius in each round; give b or tau, not both',
      }),
      parameter({
        name: 'boundary',
        min: 0,
        max: 1,
        integer: true,
        meaning:
          'with b: 0, drop neighbours until they weigh b; 1, until they weigh more, as the public code of Gaucher et al. does; default: 0',
      }),
      parameter({
        name: 'oracle',
        min: 0,
        max: 1,
        integer: true,
        meaning: '1: the radius of the paper, from `RoundInput.honest`; for experiments, instead of tau or b',
      }),
    ],
    needs: 'a radius, or a bound b on the Byzantine weight',
    breakdown: 'Byzantine weight b; each moves the result by at most W_ij·τ',
    cost: 'O(n·d)',
    source: 'He et al. 2022, arXiv 2202.01545; Gaucher et al., ICML 2025, arXiv 2410.10418',
    linear: true,
    usesWeights: true,
    weighsAll: true,
    example: { b: 0.2 },
  },
  screen: 'distance',
  build: ({ tau, b, boundary, oracle }) => {
    const given = [tau !== undefined, b !== undefined, oracle === 1].filter(Boolean).length
    const parameters = ['tau', 'b', 'oracle']
    if (given === 0) {
      const message = `${OWNER} needs 'tau' (a fixed radius), 'b', or 'oracle' = 1.`
      throw new RobustAggError('E_MISSING_PARAMETER', message, { owner: OWNER, parameters })
    }
    if (given > 1) {
      const message = `${OWNER} takes only one of 'tau', 'b' and 'oracle': remove the others.`
      throw new RobustAggError('E_CONFLICTING_PARAMETERS', message, { owner: OWNER, parameters })
    }
    return {
      combine: (view) => {
        const { distances, weights } = view
        if (oracle === 1) return clippedStep(view, oracleRadius(distances, weights, honestOf(view)), 1)
        return clippedStep(view, tau ?? practicalRadius(distances, weights, b, boundary === 1), 1)
      },
      tolerated: (_models, weights) => (b === undefined ? null : neighboursWithin(weights, b)),
      neededModels: (models, weights) => (b === undefined ? 1 : modelsForWeightBeyond(models, weights, b)),
    }
  },
}
