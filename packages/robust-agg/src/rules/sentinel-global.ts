/**
 * SentinelGlobal: Sentinel, behind a filter by what trusted neighbours think of each other.
 *
 *   T_j = mean of o_kj over those with an opinion on j: me, and each neighbour k ≠ j that I trusted last round
 *   from round `activeRound` on, j is dropped unless T_j ≥ θ; the others go through Sentinel
 *   o_ij = 1 when j got a weight above 0, else 0: sent to the neighbours (`Aggregation.opinions`)
 *
 * Symbols: o_kj ∈ [0, 1] the last opinion of k (`RoundInput.opinions`), o_ij my own verdict of last round, kept in
 * `RoundInput.memory` with Sentinel's losses; θ ∈ [0, 1] least trust. When nobody has an opinion on j, Sentinel alone
 * decides.
 * Breakdown precondition: none in the number of attackers; no layer of the result is longer than the node's own.
 * Trusted Byzantine neighbours can make a node drop honest ones, but cannot make it accept a model that Sentinel's
 * tests refuse.
 * Cost: as Sentinel, and fewer evaluations; m opinions from each neighbour.
 * Source: the class SentinelGlobal of the Fedstellar platform, by the authors of Feng et al., "Sentinel: An
 * Aggregation Function to Secure Decentralized Federated Learning", arXiv 2310.08097; θ = 0.5 and round 3 are its
 * values.
 * Deviations: there a trusted neighbour without an opinion on j counts as distrust; on a sparse graph, where few
 * neighbours know each other, that would cut off everybody, so here it does not count. There a node that is dropped
 * for its T_j also gets the own verdict 0, so that it never comes back; here the own verdict remains that of the last
 * round in which its model was tested. There all verdicts and opinions are those of two rounds back (`agg_round − 2` in
 * fedstellar/learning/aggregators/sentinelglobal.py, because its round 0 only spreads models and trusts no neighbour);
 * here they are the last, so a neighbour's warning counts one round earlier. Without a trusted neighbour T_j is 0 there.
 * Also Sentinel's deviations.
 */

import { parameter } from '../parameters.js'
import type { VerdictReason } from '../types.js'
import type { RuleDefinition } from './definition.js'
import type { RoundView } from './round-view.js'
import { average, judge, SENTINEL_PARAMETERS } from './sentinel-trust.js'

/** T_j for each neighbour; null when nobody has an opinion. */
function sharedTrust({ memories, opinion, vectors }: RoundView): (number | null)[] {
  const mine = memories.map((memory) => memory?.values[2] ?? null)
  return vectors.map((_, j) => {
    const said = [mine[j], ...vectors.map((_x, k) => (k !== j && mine[k] === 1 ? opinion(k, j) : null))]
    const heard = said.filter((word) => word !== null)
    return heard.length === 0 ? null : heard.reduce((sum, word) => sum + word, 0) / heard.length
  })
}

export const sentinelGlobal: RuleDefinition = {
  info: {
    name: 'sentinel-global',
    formula:
      'as `sentinel`, among those with T_j ≥ θ, T_j the mean opinion on j of myself and the neighbours that I trust',
    params: [
      ...SENTINEL_PARAMETERS,
      parameter({ name: 'leastTrust', default: 0.5, min: 0, max: 1, meaning: 'least mean opinion θ' }),
      parameter({
        name: 'activeRound',
        default: 3,
        min: 0,
        max: 1e9,
        integer: true,
        meaning: 'first round, 0-based, in which opinions count',
      }),
    ],
    needs: "own samples (`evaluator`), memory between rounds, the neighbours' `opinions`",
    breakdown: "no bound on the number of attackers; no layer longer than in the node's own model",
    cost: 'O(n·d), O(n²) opinions and up to n evaluations',
    source: 'SentinelGlobal of Fedstellar; Feng et al., arXiv 2310.08097',
    linear: false,
    usesWeights: false,
    needsEvaluator: true,
    usesMemory: true,
    usesLayers: true,
    usesOpinions: true,
    example: { similarity: 0.5, leastWeight: 0.1, leastTrust: 0.5, activeRound: 0 },
  },
  screen: 'scan',
  build: ({ similarity, leastWeight, leastTrust, activeRound }) => ({
    tolerated: () => null,
    combine: (view) => {
      const thresholds = { similarity, leastWeight }
      const shared = view.round >= activeRound ? sharedTrust(view) : view.vectors.map(() => null)
      const distrusted = shared.map((trust) => trust !== null && !(trust >= leastTrust))
      const judgement = judge(view, thresholds, (j) => !distrusted[j])
      const outcome = average(view, judgement, thresholds)
      // The node's opinion, which it also remembers, is its verdict; for an untested neighbour, the last verdict.
      const opinions = judgement.weights.map((weight, j) =>
        distrusted[j] ? (view.memories[j]?.values[2] ?? 0) : (weight ?? 0) > 0 ? 1 : 0,
      )
      return {
        ...outcome,
        reasons: outcome.reasons.map(
          (reason, j): VerdictReason => (distrusted[j] ? 'trust-below-threshold' : reason),
        ),
        scores: outcome.scores.map((score, j) => (distrusted[j] ? shared[j] : score)),
        threshold: outcome.threshold.map((threshold, j) => (distrusted[j] ? leastTrust : threshold)),
        opinions,
        memory: {
          own: { vector: null, values: judgement.ownValues },
          neighbours: judgement.values.map((values, j) => ({
            vector: null,
            values: [...values, opinions[j]],
          })),
        },
      }
    },
  }),
}
