/**
 * The assumed number of Byzantine models, f. Left out, it is the most that the rule tolerates for the models at
 * hand, so a forgotten f errs on the safe side; a fixed f makes the rule keep its own model when too few arrive, unless those
 * that are missing are known to be Byzantine (`RoundInput.exposed`).
 */

import { type ParameterInfo, parameter } from '../parameters.js'

/** The parameter's description. `most` says in words what the default is. */
export function byzantineCountParameter(most: string): ParameterInfo {
  return parameter({
    name: 'f',
    min: 0,
    max: 65535,
    integer: true,
    meaning: `assumed number of Byzantine models in the neighbourhood; left out: ${most} for the n at hand`,
  })
}

/** The most f with n ≥ factor·f + base, −1 when even f = 0 needs more models. */
export function mostTolerated(n: number, base: number, factor = 2): number {
  return n < base ? -1 : Math.floor((n - base) / factor)
}

/**
 * f for this round: the fixed one, less the Byzantine neighbours that are exposed and no longer among the n models, if
 * n ≥ factor·f + base holds; the most tolerated if none is fixed; else −1.
 */
export function byzantineCount(
  fixed: number | undefined,
  exposed: number,
  n: number,
  base: number,
  factor = 2,
): number {
  const most = mostTolerated(n, base, factor)
  if (fixed === undefined) return most
  const left = Math.max(0, fixed - exposed)
  return left <= most ? left : -1
}

/** What `Rule.tolerated` says for such a rule; 0 where the fixed f is more than the neighbourhood allows. */
export function toleratedCount(fixed: number | undefined, n: number, base: number, factor = 2): number {
  return Math.max(0, byzantineCount(fixed, 0, n, base, factor))
}
