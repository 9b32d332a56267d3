/**
 * Invalid models: NaN, infinity, denormals, huge numbers.
 *
 *   nan: w with NaN at one place in `every`   infinite: the same with ±Infinity   denormal: 2⁻¹⁴⁹ everywhere
 *   huge: ±1e38 everywhere, alternating
 *
 * Symbols: `every` ≥ 1.
 * Cost: O(d). Denormals cost the receiver time: arithmetic on them is many times slower on common processors.
 * Source: this project.
 * Deviations: none.
 */

import { parameter } from '../parameters.js'
import type { ModelAttack, ModelAttackDefinition } from './types.js'

const every = parameter({
  name: 'every',
  default: 1,
  min: 1,
  max: 2 ** 31,
  integer: true,
  meaning: 'one broken value per `every` values, from the last one backwards',
})

function broken(name: string, formula: string, value: (k: number) => number): ModelAttackDefinition {
  return {
    info: {
      name,
      kind: 'model',
      knowledge: 'own',
      formula,
      params: [every],
      needs: [],
      uses: [],
      withoutHonest: null,
      source: 'this project',
    },
    build:
      ({ every: gap }): ModelAttack['craft'] =>
      ({ own }) =>
        own.map((honest, k) => ((own.length - 1 - k) % gap === 0 ? value(k) : honest)),
  }
}

export const nan = broken('nan', 'NaN at one place in `every`', () => Number.NaN)
export const infinite = broken('infinite', '±Infinity at one place in `every`', (k) =>
  k % 2 === 0 ? Infinity : -Infinity,
)
export const denormal = broken('denormal', '2⁻¹⁴⁹ at one place in `every`', () => 2 ** -149)
export const huge = broken('huge', '±1e38 at one place in `every`', (k) => (k % 2 === 0 ? 1e38 : -1e38))
