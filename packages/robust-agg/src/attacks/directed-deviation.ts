/**
 * The Krum attack and the Trim attack: against the direction in which training moves the honest nodes.
 *
 *   s[k] = sign(μ[k] − w₀[k])
 *   krum-attack: w₀ − λ·s, the largest λ of a halving sequence with which Krum picks the crafted model
 *   trim-attack: just beyond the honest extreme on the far side: s = +1 → in [min/b, min] or [b·min, min],
 *                s = −1 → in [max, b·max] or [max, max/b], whichever of the two is beyond the extreme
 *
 * Symbols: w₀ the parameters at the start of the round; μ, min, max over the honest models; b > 1; `copies`
 * attackers.
 * Cost: krum-attack O(|H|²·d) and a Krum score on scalars per halving; trim-attack O(|H|·d).
 * Source: Fang, Cao, Jia, Gong, "Local Model Poisoning Attacks to Byzantine-Robust Federated Learning", USENIX
 * Security 2020, arXiv 1911.11815 (full knowledge); b = 2.
 * Deviations: λ starts at the longest distance from w₀ to an honest model over √d, times two, and stops at 1e−5 of
 * it; all `copies` are equal. With no honest model in view the attacker's own model replaces them.
 */

import { parameter } from '../parameters.js'
import { squaredDistance } from './float64-vectors.js'
import { honestMean } from './honest-moments.js'
import type { ModelAttackDefinition } from './types.js'

function nearestSum(distances: readonly number[], count: number): number {
  return distances
    .toSorted((a, b) => a - b)
    .slice(0, Math.max(1, count))
    .reduce((sum, value) => sum + value, 0)
}

/** True when Krum, with f = copies, prefers the crafted model to every honest one. */
function krumPicks(crafted: Float32Array, honest: readonly Float32Array[], copies: number): boolean {
  const keep = honest.length + copies - copies - 2
  const toHonest = honest.map((x) => squaredDistance(crafted, x))
  const own = nearestSum([...new Array<number>(copies - 1).fill(0), ...toHonest], keep)
  return honest.every((x, i) => {
    const others = honest.filter((_, j) => j !== i).map((y) => squaredDistance(x, y))
    return own < nearestSum([...others, ...new Array<number>(copies).fill(toHonest[i])], keep)
  })
}

export const krumAttack: ModelAttackDefinition = {
  info: {
    name: 'krum-attack',
    kind: 'model',
    knowledge: 'all',
    formula: 'w₀ − λ·sign(μ − w₀), the largest λ that Krum picks',
    params: [
      parameter({
        name: 'copies',
        default: 1,
        min: 1,
        max: 1024,
        integer: true,
        meaning: 'attackers that send it',
      }),
    ],
    needs: [],
    uses: [],
    withoutHonest: 'against its own step',
    source: 'Fang et al., USENIX Security 2020, arXiv 1911.11815',
  },
  build:
    ({ copies }) =>
    ({ own, start, honest }) => {
      const mean = honestMean(honest, own)
      const models = honest.length > 0 ? honest : [own]
      const farthest = Math.sqrt(Math.max(...models.map((x) => squaredDistance(x, start))))
      const first = (2 * farthest) / Math.sqrt(Math.max(1, own.length))
      const craft = (lambda: number): Float32Array =>
        start.map((value, k) => value - lambda * Math.sign(mean[k] - value))
      let lambda = first
      while (lambda > first * 1e-5 && !krumPicks(craft(lambda), models, copies)) lambda /= 2
      return craft(lambda)
    },
}

export const trimAttack: ModelAttackDefinition = {
  info: {
    name: 'trim-attack',
    kind: 'model',
    knowledge: 'all',
    formula: 'just beyond the honest minimum where μ grew, beyond the maximum where it fell',
    params: [
      parameter({ name: 'b', default: 2, min: 1, max: 1e6, aboveMin: true, meaning: 'how far beyond' }),
    ],
    needs: [],
    uses: [],
    withoutHonest: 'around its own model',
    source: 'Fang et al., USENIX Security 2020, arXiv 1911.11815',
  },
  build:
    ({ b }) =>
    ({ own, start, honest, rng }) => {
      const models = honest.length > 0 ? honest : [own]
      const mean = honestMean(honest, own)
      return Float32Array.from(mean, (value, k) => {
        const column = models.map((x) => x[k])
        const grew = value > start[k]
        const edge = grew ? Math.min(...column) : Math.max(...column)
        // Beyond the edge means below it where the mean grew, above it where it fell.
        const factor = edge > 0 === grew ? 1 / b : b
        return edge + rng.uniform() * (factor * edge - edge)
      })
    },
}
