/**
 * Dissensus: push the victim away from where its honest neighbours would pull it.
 *
 *   x_i − ε·Σ_honest W_ij·(x_j − x_i) / Σ_byz W_ij
 *
 * Symbols: x_i the victim's model, W_ij its mixing weights, ε > 0; ε = 1 cancels the honest pull of a plain gossip
 * step, above 1 drives the nodes apart (published default 1.5).
 * Cost: O(|H|·d).
 * Source: He, Karimireddy, Jaggi 2022, arXiv 2202.01545 (dissensus attack).
 * Deviations: without `view.victim` the first honest node is the victim, every honest model has weight 1, and so has
 * the attacker. With no honest model and no victim in view, the attacker's own model is sent.
 */

import { parameter } from '../parameters.js'
import type { ModelAttackDefinition } from './types.js'

export const dissensus: ModelAttackDefinition = {
  info: {
    name: 'dissensus',
    kind: 'model',
    knowledge: 'all',
    formula: 'x_i − ε·Σ_honest W_ij·(x_j − x_i) / Σ_byz W_ij',
    params: [
      parameter({ name: 'epsilon', default: 1.5, min: 0, max: 1e6, aboveMin: true, meaning: 'strength ε' }),
    ],
    needs: [],
    uses: ['victim'],
    withoutHonest: "own, or the victim's model",
    source: 'He et al. 2022, arXiv 2202.01545',
  },
  build:
    ({ epsilon }) =>
    ({ own, honest, victim }) => {
      const model = victim?.model ?? honest[0] ?? own
      const attackerWeight = victim?.attackerWeight ?? 1
      const pull = new Float64Array(model.length)
      for (let j = 0; j < honest.length; j++) {
        const weight = victim?.honestWeights[j] ?? 1
        for (let k = 0; k < pull.length; k++) pull[k] += weight * (honest[j][k] - model[k])
      }
      return model.map((value, k) => value - (epsilon * pull[k]) / attackerWeight)
    },
}
