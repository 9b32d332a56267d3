/**
 * Attacks that copy: echo, free rider, delta weights, equivocation.
 *
 *   echo: v + N(0, s²·‖v − w₀‖²/d), v the victim's model of this round or of the last
 *   free-rider: w₀ + N(0, s²·‖w₀‖²/d)                        delta-weights: w₀ + Δ + N(0, s²·‖Δ‖²/d)
 *   equivocation: w + δ to even receivers, w − δ to odd ones
 *
 * Symbols: w₀ the start of the round; Δ = w₀ − w₀′ with the start w₀′ of the round before, 0 in the first round of the
 * attack; δ = s·‖w‖·u with a random unit vector u, the same for all receivers of a round.
 * Cost: O(d); delta-weights keeps a vector of length d.
 * Source: free riders: Fraboni, Vidal, Lorenzi, AISTATS 2021, arXiv 2006.11901; delta weights, with noise "advanced":
 * Lin, Du, Liu, "Free-riders in Federated Learning: Attacks and Defenses", 2019, arXiv 1911.12560. Echo and
 * equivocation are this project's: only a signed ledger exposes the second.
 * Deviations: without a model of the victim in view, echo sends its own. Free riders train by default, for an aggregate
 * of their own, and only send no training; with idle = 1 they do not, and what they send is their own model everywhere,
 * so that their ledgers can be replayed. Those of delta weights never train.
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

function distance(x: Float32Array, y: Float32Array): number {
  return Math.sqrt(x.reduce((sum, value, k) => sum + (value - y[k]) ** 2, 0))
}

/** A copy with Gaussian noise of this expected length. */
function disguised(model: Float32Array, size: number, rng: Rng): Float32Array {
  if (size === 0) return model.slice()
  const scale = size / Math.sqrt(Math.max(1, model.length))
  const draws = noise(model.length, rng)
  return model.map((value, k) => value + scale * draws[k])
}

export const echo: ModelAttackDefinition = {
  info: {
    name: 'echo',
    kind: 'model',
    knowledge: 'neighbours',
    formula: "v + N(0, s²·‖v − w₀‖²/d), v the victim's own model",
    params: [
      parameter({
        name: 'lag',
        default: 1,
        min: 0,
        max: 1,
        integer: true,
        meaning: '1: the model that the victim sent last round; 0: that of this round',
      }),
      parameter({
        name: 'noise',
        default: 0,
        min: 0,
        max: 1e6,
        meaning: 'size s of noise on the copy, relative to its step from w₀',
      }),
    ],
    ridesFree: true,
    needs: ['victim', 'last-model'],
    uses: [],
    withoutHonest: 'own',
    source: 'this project',
  },
  build:
    ({ lag, noise: relative }) =>
    ({ own, start, victim, rng }) => {
      const model = lag === 0 ? victim?.model : victim?.lastModel
      return disguised(model ?? own, model === undefined ? 0 : relative * distance(model, start), rng)
    },
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
      parameter({
        name: 'idle',
        default: 0,
        min: 0,
        max: 1,
        integer: true,
        meaning: '1: it does not train for itself either',
      }),
    ],
    ridesFree: true,
    needs: [],
    uses: [],
    withoutHonest: null,
    source: 'Fraboni et al., AISTATS 2021, arXiv 2006.11901',
  },
  idles: ({ idle }) => idle === 1,
  build:
    ({ noise: relative }) =>
    ({ start, rng }) =>
      disguised(start, relative * length(start), rng),
}

export const deltaWeights: ModelAttackDefinition = {
  info: {
    name: 'delta-weights',
    kind: 'model',
    knowledge: 'own',
    formula: 'w₀ + Δ + N(0, s²·‖Δ‖²/d), Δ = w₀ − w₀ of the round before',
    params: [
      parameter({
        name: 'noise',
        default: 0,
        min: 0,
        max: 1e6,
        meaning: 'size s of the noise, relative to Δ',
      }),
    ],
    ridesFree: true,
    needs: [],
    uses: [],
    withoutHonest: null,
    source: 'Lin, Du, Liu 2019, arXiv 1911.12560',
  },
  idles: () => true,
  build: ({ noise: relative }) => {
    let last: { readonly round: number; readonly start: Float32Array } | undefined
    return ({ start, round, rng }) => {
      const before = last?.round === round - 1 && last.start.length === start.length ? last.start : start
      last = { round, start: start.slice() }
      const moved = start.map((value, k) => value + (value - before[k]))
      return disguised(moved, relative * distance(start, before), rng)
    }
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
