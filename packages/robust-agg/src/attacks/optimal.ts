/**
 * ALIE and IPM with the most harmful strength, found by a line search.
 *
 *   optimal-alie: μ − z·σ,  optimal-ipm: −ε·μ;   z, ε maximise ‖aggregate − μ‖: first over 1, 1/2, 1/4 … and 2, 4, 8 …,
 *   then between half and twice the best of these by golden-section steps
 *
 * Symbols: μ, σ as in ALIE; the aggregate is the victim's result according to `view.probe`.
 * Cost: `steps` + 16 probes and O(|H|·d) each.
 * Source: the line search over attack factors of ByzFL's experiments (Optimal ALIE, Optimal IPM).
 * Deviations: the grid is geometric, from 2^−steps/2 to 2^steps/2, and the refinement is added. Without a probe:
 * z = 1.5, ε = 0.1.
 */

import { parameter } from '../parameters.js'
import { squaredDistance } from './float64-vectors.js'
import { honestDeviation, honestMean } from './honest-moments.js'
import type { AttackView, ModelAttackDefinition } from './types.js'

const REFINEMENTS = 8

const steps = parameter({
  name: 'steps',
  default: 16,
  min: 1,
  max: 60,
  integer: true,
  meaning: 'strengths that are tried before the refinement',
})

function strongest(
  view: AttackView,
  mean: Float64Array,
  tries: number,
  craft: (strength: number) => Float32Array,
  otherwise: number,
): Float32Array {
  const { probe } = view
  if (probe === undefined) return craft(otherwise)
  let best = { strength: otherwise, submission: craft(otherwise), harm: -1 }
  const harmAt = (strength: number): number => {
    const submission = craft(strength)
    const harm = squaredDistance(mean, probe(submission))
    if (harm > best.harm) best = { strength, submission, harm }
    return harm
  }
  for (let step = 0; step < tries; step++) harmAt(2 ** (step - Math.floor(tries / 2)))
  let [low, high] = [best.strength / 2, best.strength * 2]
  for (let k = 0; k < REFINEMENTS; k++) {
    const [a, b] = [low + 0.382 * (high - low), low + 0.618 * (high - low)]
    if (harmAt(a) >= harmAt(b)) high = b
    else low = a
  }
  return best.submission
}

export const optimalAlie: ModelAttackDefinition = {
  info: {
    name: 'optimal-alie',
    kind: 'model',
    knowledge: 'all',
    formula: 'μ − z·σ, z by line search on the harm',
    params: [steps],
    needs: ['probe'],
    uses: [],
    withoutHonest: 'own',
    source: 'ByzFL, optimal ALIE',
  },
  build:
    ({ steps: tries }) =>
    (view) => {
      const mean = honestMean(view.honest, view.own)
      const deviation = honestDeviation(view.honest, mean)
      const craft = (z: number) => Float32Array.from(mean, (value, k) => value - z * deviation[k])
      return strongest(view, mean, tries, craft, 1.5)
    },
}

export const optimalIpm: ModelAttackDefinition = {
  info: {
    name: 'optimal-ipm',
    kind: 'model',
    knowledge: 'all',
    formula: '−ε·μ, ε by line search on the harm',
    params: [steps],
    needs: ['probe'],
    uses: [],
    withoutHonest: '−ε·own',
    source: 'ByzFL, optimal IPM',
  },
  build:
    ({ steps: tries }) =>
    (view) => {
      const mean = honestMean(view.honest, view.own)
      const craft = (epsilon: number) => Float32Array.from(mean, (value) => -epsilon * value)
      return strongest(view, mean, tries, craft, 0.1)
    },
}
