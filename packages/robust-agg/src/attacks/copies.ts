/**
 * Attacks that copy: echo, free rider, equivocation.
 *
 *   echo: the victim's own last model                        free-rider: w₀ + N(0, s²·‖w₀‖²/d), no training at all
 *   equivocation: w + δ to even receivers, w − δ to odd ones
 *
 * Symbols: w₀ the start of the round; δ = s·‖w‖·u with a random unit vector u, the same for all receivers of a round.
 * Cost: O(d).
 * Source: free riders: Fraboni, Vidal, Lorenzi, AISTATS 2021, arXiv 2006.11901. Echo and equivocation are this
 * project's: only a signed ledger exposes the second.
 * Deviations: without a last model of the victim in view, the own model is sent.
 */

import { parameter } from '../parameters.js'
import type { Rng } from '../rng.js'
import type { ModelAttackDefinition } from './types.js'

function length(x: Float32Array): number {
  return Math.sqrt(x.reduce((sum, value) => sum + value * value, 0))
}

function noise(d: number, rng: Rng): Float64Array {
  return Float64Array.from({ length: d }, () => rng.normal())
}

export const echo: ModelAttackDefinition = {
  info: {
    name: 'echo',
    kind: 'model',
    knowledge: 'neighbours',
    formula: "the victim's own last model",
    params: [],
    needs: ['victim', 'last-model'],
    uses: [],
    withoutHonest: 'own',
    source: 'this project',
  },
  build:
    () =>
    ({ own, victim }) =>
      (victim?.lastModel ?? own).slice(),
}

export const freeRider: ModelAttackDefinition = {
  info: {
    name: 'free-rider',
    kind: 'model',
    knowledge: 'own',
    formula: 'w₀ + N(0, s²·‖w₀‖²/d)',
    params: [
      parameter({
        name: 'noise',
        default: 0.001,
        min: 0,
        max: 1e6,
        meaning: 'relative size s; 0 resends w₀',
      }),
    ],
    needs: [],
    uses: [],
    withoutHonest: null,
    source: 'Fraboni et al., AISTATS 2021, arXiv 2006.11901',
  },
  build:
    ({ noise: relative }) =>
    ({ start, rng }) => {
      if (relative === 0) return start.slice()
      const scale = (relative * length(start)) / Math.sqrt(Math.max(1, start.length))
      const draws = noise(start.length, rng)
      return start.map((value, k) => value + scale * draws[k])
    },
}

export const equivocation: ModelAttackDefinition = {
  info: {
    name: 'equivocation',
    kind: 'model',
    knowledge: 'own',
    formula: 'w + s·‖w‖·u to even receivers, w − s·‖w‖·u to odd ones',
    params: [
      parameter({
        name: 'scale',
        default: 0.1,
        min: 0,
        max: 1e6,
        aboveMin: true,
        meaning: 'relative size s',
      }),
    ],
    needs: ['recipient'],
    uses: [],
    withoutHonest: null,
    source: 'this project',
  },
  build:
    ({ scale }) =>
    ({ own, rng, recipient }) => {
      const draws = noise(own.length, rng)
      const norm = Math.sqrt(draws.reduce((sum, value) => sum + value * value, 0))
      const step = norm > 0 ? (scale * length(own)) / norm : 0
      const side = (recipient ?? 0) % 2 === 0 ? step : -step
      return own.map((value, k) => value + side * draws[k])
    },
}
