/**
 * Reputation: whether a neighbour's steps, over all its rounds, point in the direction in which my own model has
 * moved.
 *
 *   u = x_0 − p,  c = x_0 − w_0,  s_j = x_j − p cut to the length ‖u‖
 *   e_j ← e_j + ‖u‖·⟨s_j, c⟩/‖c‖,  m_j ← m_j + ‖u‖²;   neighbour j is left out while e_j / m_j < ρ
 *
 * Symbols: n models x_k, x_0 my own; p where the round's training began (`RoundInput.previous`); w_0 where the run
 * began (`RoundInput.initial`, p when absent); e_j and m_j sum over the rounds in which j took part, kept in
 * `RoundInput.memory`; ρ in [−1, 1]. e_j/m_j is a mean of cosines (smaller where s_j is shorter than u), each round
 * weighted by my own squared step; no round adds or subtracts more than ‖u‖².
 * My own step is a reference only where nodes learn similar things. So in each round a node counts the neighbours that
 * do not clearly go its way, e_j/m_j ≤ 0.1: if there are at least four, and more than a share μ of all, the step leaves
 * nobody out in this round and reports itself unfit. Measured on digits with twenty honest nodes of ten neighbours each,
 * ten batches per round: with one label per node the median node had none or one clear neighbour (softmax, MLP) or two (a
 * CNN), and at the end 17 (MLP) and 12 nodes (CNN) found the step unfit: the others go on judging. At h = 0.95 no node had
 * fewer than four, at h = 0.8 none fewer than six. With one batch per round, or for an MLP without logit adjustment, one
 * node of twenty had two of ten in one of the first rounds at h = 0.8, and passed that round unprotected.
 * Why over all rounds: where nodes hold different data, honest steps near the end of training point in all
 * directions, and a reversed step looks like any other. In the first rounds honest steps agree, and these are the
 * long ones.
 * Why my own direction: a median or mean of all could be pushed by colluders until an honest victim steps against it.
 * What others send in a round does not change u, and changes c only as far as the rule behind this step has let them
 * move my model before.
 * Breakdown precondition: none in the number of attackers for what it refuses; honest steps of the first rounds must
 * agree with mine (with h = 0.8 they do, even more with logit adjustment). More attackers than a share μ of the
 * neighbours switch the step off. By itself it bounds no attacker's harm: steps orthogonal to c, or against it after enough good rounds, pass,
 * and only the rule behind it can stop them. A node that returns with an old model steps backwards once. Without
 * memory every round is like the first. The neighbours left out may be among the f of the rule behind it: when too
 * few models remain for f, f is reduced by up to their number (`PreView.refused`).
 * Cost: n + 1 distances and n inner products, O(n·d); no vectors, two remembered numbers per neighbour.
 * Source: ours, after Xu and Lyu, "A Reputation Mechanism Is All You Need: Collaborative Fairness and Adversarial
 * Robustness in Federated Learning", arXiv 2011.10464 (reputation as a moving average of cosines to the aggregate),
 * and FLTrust, NDSS 2021, arXiv 2012.13995 (the own update as the root of trust).
 */

import { squaredDistancesTo } from '../kernels/dispatch.js'
import { dotProducts } from '../kernels/dot.js'
import { parameter } from '../parameters.js'
import type { PreDefinition, Reputation } from './definition.js'

/** A mean cosine above this is clear agreement. */
const CLEAR = 0.1
/** The fewest neighbours without clear agreement before the step can be unfit. */
const FEWEST_UNCLEAR = 4
const NOTHING: Reputation = { earned: 0, possible: 0 }

export const reputation: PreDefinition = {
  info: {
    name: 'reputation',
    formula: 'left out while the mean cosine of x_j − p to x_0 − w_0, over all rounds, is below ρ',
    params: [
      parameter({
        name: 'least',
        default: 0,
        min: -1,
        max: 1,
        meaning: 'the reputation ρ below which a neighbour is left out',
      }),
      parameter({
        name: 'most',
        default: 0.75,
        min: 0,
        max: 1,
        meaning:
          'with more than this share μ of neighbours that do not clearly go my way, none is left out in the round',
      }),
    ],
    cost: 'O(n·d), no vectors',
    source: 'ours, after Xu and Lyu, arXiv 2011.10464, and Cao et al., NDSS 2021',
    affine: true,
    usesMemory: true,
    usesInitial: true,
    refuses: true,
  },
  build: ({ least, most }) => ({
    mix: ({ models, previous, initial, reputations }) => {
      const own = models[0]
      const way = squaredDistancesTo(initial, [own], new Float64Array(1))[0]
      const squares = squaredDistancesTo(previous, models, new Float64Array(models.length))
      const step = squares[0]
      const along = dotProducts(own, models, previous, initial)
      const moved = way > 0 && step > 0
      const gains = models.map((_, k) => {
        if (k === 0 || !moved) return NOTHING
        const cut = squares[k] > step ? Math.sqrt(step / squares[k]) : 1
        return { earned: cut * along[k] * Math.sqrt(step / way), possible: step }
      })
      const scores = gains.map(({ earned, possible }, k) => {
        const before = reputations[k]
        const total = before.possible + possible
        return total > 0 ? (before.earned + earned) / total : least
      })
      const unclear = scores.reduce((count, score, k) => (k > 0 && score <= CLEAR ? count + 1 : count), 0)
      const unfit = moved && unclear >= FEWEST_UNCLEAR && unclear > most * (models.length - 1)
      const kept = models.flatMap((_, k) => (k === 0 || unfit || scores[k] >= least ? [k] : []))
      return {
        models: kept.map((k) => models[k]),
        outputOf: models.map((_, k) => kept.indexOf(k)),
        coefficients: kept.map((k) => Float64Array.from(models, (_x, other) => (other === k ? 1 : 0))),
        gains,
        unfit,
        opposed: unfit,
        refused: models.map((_, k) =>
          kept.includes(k)
            ? null
            : { reason: 'reputation-below-threshold', score: scores[k], threshold: least },
        ),
      }
    },
    outputs: (models) => models,
    neededModels: () => 1,
    tolerated: () => null,
  }),
}
