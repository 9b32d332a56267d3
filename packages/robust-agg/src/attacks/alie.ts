/**
 * ALIE, a little is enough: shift the mean by a few deviations, where honest models also lie.
 *
 *   μ[k] − z·σ[k]
 *
 * Symbols: μ, σ mean and population standard deviation of the honest models per coordinate; z ≥ 0.
 * Cost: O(|H|·d).
 * Source: Baruch, Baruch, Goldberg, "A Little Is Enough", NeurIPS 2019, arXiv 1902.06156.
 * Deviations: z is set (default 1.5) and not derived from the numbers of nodes and attackers, since the derived
 * one is 0 in small neighbourhoods. With no honest model in view μ is the own model and σ is 0: the own model.
 */

import { parameter } from '../parameters.js'
import { honestDeviation, honestMean } from './honest-moments.js'
import type { ModelAttackDefinition } from './types.js'

export const alie: ModelAttackDefinition = {
  info: {
    name: 'alie',
    kind: 'model',
    knowledge: 'all',
    formula: 'μ − z·σ',
    params: [parameter({ name: 'z', default: 1.5, min: 0, max: 1e6, meaning: 'deviations from the mean' })],
    withoutHonest: 'own',
    source: 'Baruch et al., NeurIPS 2019, arXiv 1902.06156',
  },
  build:
    ({ z }) =>
    ({ own, honest }) => {
      const mean = honestMean(honest, own)
      const deviation = honestDeviation(honest, mean)
      return Float32Array.from(mean, (value, k) => value - z * deviation[k])
    },
}
