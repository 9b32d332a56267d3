/**
 * The assumed number of Byzantine models, f. Left out, it is the most that the rule tolerates for the models at
 * hand, so a forgotten f errs on the safe side; a fixed f makes the rule keep its own model when too few arrive, unless those
 * that are missing are known to be Byzantine (`RoundInput.exposed`) or were refused by a pre-aggregator.
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

/** Neighbours that are not among the models of a round, and why. */
export interface Missing {
  /** Known to be Byzantine. */
  readonly exposed: number
  /** Refused by a pre-aggregator, which may be wrong. */
  readonly refused: number
}

/**
 * f for this round: the fixed one, less the Byzantine neighbours that are exposed, if n ≥ factor·f + base holds; where it
 * does not, up to as many fewer as were refused; the most tolerated if none is fixed; else −1. A neighbour that was wrongly
 * refused so never makes f smaller than the models at hand force it to be.
 */
export function byzantineCount(
  fixed: number | undefined,
  { exposed, refused }: Missing,
  n: number,
  base: number,
  factor = 2,
): number {
  const most = mostTolerated(n, base, factor)
  if (fixed === undefined) return most
  const left = Math.max(0, fixed - exposed)
  const f = Math.min(left, most)
  return f >= Math.max(0, left - refused) ? f : -1
}

/** What `Rule.tolerated` says for such a rule; 0 where the fixed f is more than the neighbourhood allows. */
export function toleratedCount(fixed: number | undefined, n: number, base: number, factor = 2): number {
  return Math.max(0, byzantineCount(fixed, { exposed: 0, refused: 0 }, n, base, factor))
}
