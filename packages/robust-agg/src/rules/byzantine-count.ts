/**
 * The assumed number of Byzantine models, f. Left out, it is the most that the rule tolerates for the models at
 * hand, so a forgotten f errs on the safe side; a fixed f makes the rule keep its own model when too few arrive.
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

/** The most f with n ≥ 2f + base, −1 when even f = 0 needs more models. */
export function mostTolerated(n: number, base: number): number {
  return n < base ? -1 : Math.floor((n - base) / 2)
}

/** f for this round: the fixed one if n ≥ 2f + base holds, the most tolerated if none is fixed, else −1. */
export function byzantineCount(fixed: number | undefined, n: number, base: number): number {
  const most = mostTolerated(n, base)
  if (fixed === undefined) return most
  return fixed <= most ? fixed : -1
}
