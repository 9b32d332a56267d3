/**
 * IPM, inner product manipulation (also fall of empires): the honest mean, backwards.
 *
 *   −ε·μ
 *
 * Symbols: μ mean of the honest models, ε > 0. Papers use ε = 0.1 (stays small, slips through), 2 and 10.
 * Cost: O(|H|·d).
 * Source: Xie, Koyejo, Gupta, "Fall of Empires", UAI 2019, arXiv 1903.03936.
 * Deviations: on models, where the paper sends gradients. With no honest model in view μ is the attacker's own model.
 */

import { parameter } from '../parameters.js'
import { honestMean } from './honest-moments.js'
import type { ModelAttackDefinition } from './types.js'

export const ipm: ModelAttackDefinition = {
  info: {
    name: 'ipm',
    kind: 'model',
    knowledge: 'all',
    formula: '−ε·μ',
    params: [
      parameter({ name: 'epsilon', default: 0.1, min: 0, max: 1e6, aboveMin: true, meaning: 'factor ε' }),
    ],
    needs: [],
    uses: [],
    withoutHonest: '−ε·own',
    source: 'Xie et al., UAI 2019, arXiv 1903.03936',
  },
  build:
    ({ epsilon }) =>
    ({ own, honest }) =>
      Float32Array.from(honestMean(honest, own), (value) => -epsilon * value),
}
