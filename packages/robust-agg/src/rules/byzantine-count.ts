/**
 * The assumed number of Byzantine models, f. The default is the most that the rule tolerates for the models of the
 * round, so that a forgotten f errs on the safe side. With a fixed f the node keeps its own model when too few
 * arrive, unless the missing ones are known to be Byzantine (`RoundInput.exposed`) or were refused by a
 * pre-aggregator.
 */

import { type ParameterInfo, parameter } from '../parameters.js'

/** The parameter's description. `most` is the default as text. */
export function byzantineCountParameter(most: string): ParameterInfo {
  return parameter({
    name: 'f',
    min: 0,
    max: 65535,
    integer: true,
    meaning: `assumed number of Byzantine models in the neighbourhood; default: ${most} for the n of the round`,
  })
}

/** The largest f with n ≥ factor·f + base, −1 when even f = 0 needs more models. */
export function mostTolerated(n: number, base: number, factor = 2): number {
  return n < base ? -1 : Math.floor((n - base) / factor)
}

/** How many neighbours are missing from the models of a round, by reason. */
export interface Missing {
  /** Known to be Byzantine. */
  readonly exposed: number
  /** Refused by a pre-aggregator, which may be wrong. */
  readonly refused: number
}

/**
 * f for this round. Without a fixed f: the most tolerated. Otherwise the fixed f minus the exposed Byzantine
 * neighbours, if n ≥ factor·f + base holds; if not, f is reduced further, by at most the number of refused
 * neighbours; −1 if that is not enough. So a wrongly refused neighbour never reduces f more than the number of models
 * requires.
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

/** `Rule.tolerated` of such a rule; 0 when the fixed f is more than the neighbourhood allows. */
export function toleratedCount(fixed: number | undefined, n: number, base: number, factor = 2): number {
  return Math.max(0, byzantineCount(fixed, { exposed: 0, refused: 0 }, n, base, factor))
}
