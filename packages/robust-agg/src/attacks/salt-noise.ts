/**
 * Salt noise: the attacker's own model with a random share of its parameters set to one value.
 *
 *   w[k] ← v with probability p, otherwise as trained; independently for each k
 *
 * Symbols: p in (0, 1] the share, v the value.
 * Cost: d uniform draws from the view's rng, so the same stream gives the same model.
 * Effect: for a large p, models of different attackers share most parameters and are close to each other, unlike with
 * Gaussian noise. Rules that look for close neighbours are fooled as soon as there are enough attackers.
 * Source: Feng et al., "Sentinel: An Aggregation Function to Secure Decentralized Federated Learning", arXiv
 * 2310.08097 (experiments, model poisoning).
 * Deviations: p is a probability, so the share itself varies; v = 1, as for salt noise in image libraries.
 */

import { parameter } from '../parameters.js'
import type { ModelAttackDefinition } from './types.js'

export const saltNoise: ModelAttackDefinition = {
  info: {
    name: 'salt-noise',
    kind: 'model',
    knowledge: 'own',
    formula: 'w[k] ← v with probability p',
    params: [
      parameter({
        name: 'share',
        default: 0.8,
        min: 0,
        max: 1,
        aboveMin: true,
        meaning: 'probability p of each parameter',
      }),
      parameter({ name: 'value', default: 1, min: -1e30, max: 1e30, meaning: 'value v' }),
    ],
    needs: [],
    uses: [],
    withoutHonest: null,
    source: 'Feng et al., Sentinel, arXiv 2310.08097',
  },
  build:
    ({ share, value }) =>
    ({ own, rng }) =>
      own.map((trained) => (rng.uniform() < share ? value : trained)),
}
