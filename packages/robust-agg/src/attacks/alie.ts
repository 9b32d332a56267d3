/**
 * ALIE, a little is enough: shift the mean by a few deviations, where honest models also lie.
 *
 *   μ[k] − z·σ[k];   z given, or z_max = Φ⁻¹((n − m − s)/(n − m)), s = ⌊n/2 + 1⌋ − m
 *
 * Symbols: μ, σ mean and population standard deviation of the honest models per coordinate; z ≥ 0; n nodes of which m
 * attack; s the honest nodes needed for a majority; Φ the normal distribution function.
 * Cost: O(|H|·d).
 * Source: Baruch, Baruch, Goldberg, "A Little Is Enough", NeurIPS 2019, arXiv 1902.06156.
 * Public implementations differ in the sign and in the divisor of σ: see the package's README.
 * Deviations: z is set (default 1.5) unless both `nodes` and `attackers` are given; a derived z_max that is negative,
 * as in small neighbourhoods, counts as 0; attackers that already are a majority (s ≤ 0, no limit in the paper) use
 * Φ⁻¹(1 − 1/(n − m + 1)). With no honest model in view μ is the attacker's own model and σ is 0, so the own model is
 * sent.
 */

import { detExp, detLog } from '../det-math.js'
import { RobustAggError } from '../errors.js'
import { parameter } from '../parameters.js'
import { honestDeviation, honestMean } from './honest-moments.js'
import type { ModelAttackDefinition } from './types.js'

/** The complementary error function for x ≥ 0 by its continued fraction (large x) or Taylor series (small x). */
function erfc(x: number): number {
  const factor = detExp(-x * x) / Math.sqrt(Math.PI)
  if (x < 2.5) {
    let term = x
    let sum = x
    for (let k = 1; k < 80; k++) {
      term *= (2 * x * x) / (2 * k + 1)
      sum += term
    }
    return 1 - 2 * factor * sum
  }
  let tail = 0
  for (let k = 60; k >= 1; k--) tail = k / 2 / (x + tail)
  return factor / (x + tail)
}

/** Φ⁻¹(p), the normal quantile, to about 1e-12: bisection on Φ, so the same bits everywhere. p in (0, 1). */
export function inverseNormal(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : Number.NaN
  if (p === 0.5) return 0
  const tail = Math.min(p, 1 - p)
  let low = 0
  let high = Math.sqrt(-2 * detLog(tail)) + 1
  for (let k = 0; k < 200 && high - low > 0; k++) {
    const middle = (low + high) / 2
    if (middle === low || middle === high) break
    if (0.5 * erfc(middle / Math.SQRT2) > tail) low = middle
    else high = middle
  }
  return p < 0.5 ? -low : low
}

/** The paper's z_max for n nodes of which m attack; not below 0. */
export function alieZMax(nodes: number, attackers: number): number {
  const honest = nodes - attackers
  const needed = Math.floor(nodes / 2 + 1) - attackers
  if (needed <= 0) return inverseNormal(1 - 1 / (honest + 1))
  return Math.max(0, inverseNormal((honest - needed) / honest))
}

const count = { min: 1, max: 1e6, integer: true } as const

export const alie: ModelAttackDefinition = {
  info: {
    name: 'alie',
    kind: 'model',
    knowledge: 'all',
    formula: 'μ − z·σ',
    params: [
      parameter({ name: 'z', default: 1.5, min: 0, max: 1e6, meaning: 'deviations from the mean' }),
      parameter({ ...count, name: 'nodes', meaning: 'n; with `attackers` it sets z to z_max' }),
      parameter({ ...count, name: 'attackers', meaning: 'm, below n; with `nodes` it sets z to z_max' }),
    ],
    needs: [],
    uses: [],
    withoutHonest: 'own',
    source: 'Baruch et al., NeurIPS 2019, arXiv 1902.06156',
  },
  build: ({ z, nodes, attackers }) => {
    if ((nodes === undefined) !== (attackers === undefined) || nodes <= attackers) {
      const parameters = ['nodes', 'attackers']
      const message = "attack 'alie' takes 'nodes' and 'attackers' together, with fewer attackers than nodes."
      throw new RobustAggError('E_CONFLICTING_PARAMETERS', message, { owner: "attack 'alie'", parameters })
    }
    const factor = nodes === undefined ? z : alieZMax(nodes, attackers)
    return ({ own, honest }) => {
      const mean = honestMean(honest, own)
      const deviation = honestDeviation(honest, mean)
      return Float32Array.from(mean, (value, k) => value - factor * deviation[k])
    }
  },
}
