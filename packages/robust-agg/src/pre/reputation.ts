/**
 * Reputation: whether a neighbour's steps, over all its rounds, went the way that my own model has come.
 *
 *   u = x_0 − p,  c = x_0 − w_0,  s_j = x_j − p cut to the length ‖u‖
 *   e_j ← e_j + ‖u‖·⟨s_j, c⟩/‖c‖,  m_j ← m_j + ‖u‖²;   neighbour j is left out while e_j / m_j < ρ
 *
 * Symbols: n models x_k, x_0 my own; p where the round's training began (`RoundInput.previous`); w_0 where the run began
 * (`RoundInput.initial`, p when absent); e_j and m_j sum over the rounds in which j was there, kept in
 * `RoundInput.memory`; ρ in [−1, 1]. e_j/m_j is a mean of cosines (smaller where s_j is shorter than u), each round
 * weighing as my own squared step; no round gives or takes more than ‖u‖².
 * Why over all rounds: where nodes hold different data, honest steps near the end of a training point all ways, and one
 * turned round is as honest as any by its looks. In the first rounds honest steps agree, and they are the long ones.
 * Why my own way: a median or mean of all could be pushed by colluders until an honest victim steps against it. Nothing
 * that others send in a round moves u, and c only as far as what stands behind this has let them move my model before.
 * Breakdown precondition: none in the number of attackers for what it refuses; honest steps of the first rounds must
 * agree with mine (h = 0.8 does, with logit adjustment more so; nodes without a common label may not). It bounds
 * nobody's harm by itself: steps across c, or against it after enough good rounds, pass, and only what stands behind it
 * meets them. A node that comes back with an old model steps backwards once. Without memory every round is a first.
 * Those left out may be among the f of a rule behind it: where too few models are left for f, f is smaller by up to their
 * number (`PreView.refused`).
 * Cost: n + 1 distances and n inner products, O(n·d); no vectors, two numbers a neighbour to remember.
 * Source: ours, after Xu and Lyu, "A Reputation Mechanism Is All You Need: Collaborative Fairness and Adversarial
 * Robustness in Federated Learning", arXiv 2011.10464 (reputation as a moving average of cosines to the aggregate), and
 * FLTrust, NDSS 2021, arXiv 2012.13995 (the own update as the root of trust).
 */

import { squaredDistancesTo } from '../kernels/dispatch.js'
import { dotProducts } from '../kernels/dot.js'
import { parameter } from '../parameters.js'
import type { PreDefinition } from './definition.js'

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
    ],
    cost: 'O(n·d), no vectors',
    source: 'ours, after Xu and Lyu, arXiv 2011.10464, and Cao et al., NDSS 2021',
    affine: true,
    usesMemory: true,
    usesInitial: true,
    refuses: true,
  },
  build: ({ least }) => ({
    mix: ({ models, previous, initial, reputations }) => {
      const own = models[0]
      const way = squaredDistancesTo(initial, [own], new Float64Array(1))[0]
      const squares = squaredDistancesTo(previous, models, new Float64Array(models.length))
      const step = squares[0]
      const along = dotProducts(own, models, previous, initial)
      const gains = models.map((_, k) => {
        if (k === 0 || way === 0 || step === 0) return { earned: 0, possible: 0 }
        const cut = squares[k] > step ? Math.sqrt(step / squares[k]) : 1
        return { earned: cut * along[k] * Math.sqrt(step / way), possible: step }
      })
      const scores = gains.map(({ earned, possible }, k) => {
        const before = reputations[k]
        const most = before.possible + possible
        return most > 0 ? (before.earned + earned) / most : least
      })
      const kept = models.flatMap((_, k) => (k === 0 || scores[k] >= least ? [k] : []))
      return {
        models: kept.map((k) => models[k]),
        outputOf: models.map((_, k) => kept.indexOf(k)),
        coefficients: kept.map((k) => Float64Array.from(models, (_x, other) => (other === k ? 1 : 0))),
        gains,
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
