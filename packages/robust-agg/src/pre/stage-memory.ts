/**
 * What pre-aggregators remember: of each sender, how it stands with each stage that remembers. In a `SenderMemory` the
 * two numbers of each such stage come first among the values, in the order of the stages; the rest is the rule's.
 */

import type { RoundMemory, SenderMemory } from '../types.js'
import type { Standing } from './definition.js'

const NUMBERS = 2
const NONE: Standing = { earned: 0, possible: 0 }

const finite = (value: number | undefined): number =>
  value !== undefined && Number.isFinite(value) ? value : 0

/** How a sender stands with stage `s` of those that remember. */
export function standingIn(memory: SenderMemory | null, s: number): Standing {
  if (memory === null) return NONE
  const [earned, possible] = [memory.values[NUMBERS * s], memory.values[NUMBERS * s + 1]]
  return { earned: finite(earned), possible: Math.max(0, finite(possible)) }
}

/** The share of what was possible that was earned; 0 where nothing was. */
export function shareOf({ earned, possible }: Standing): number {
  return possible > 0 ? earned / possible : 0
}

/** What the rule remembers of a sender behind so many stages that remember; null where it remembers nothing. */
export function rulesPart(memory: SenderMemory | null, stages: number): SenderMemory | null {
  if (memory === null || stages === 0) return memory
  const values = memory.values.slice(NUMBERS * stages)
  return memory.vector === null && values.length === 0 ? null : { vector: memory.vector, values }
}

/**
 * The memory after a round.
 *
 * @param before - of the own model, then of the neighbours, as it was handed in
 * @param gains - for each stage that remembers, what each of them gained in this round
 * @param rules - what the rule remembers from now on, in the same order
 */
export function afterRound(
  before: readonly (SenderMemory | null)[],
  gains: readonly (readonly Standing[])[],
  rules: readonly (SenderMemory | null)[],
): RoundMemory {
  const [own, ...neighbours] = before.map((memory, k): SenderMemory | null => {
    const rest = rules[k]
    if (gains.length === 0 || (k === 0 && rest === null)) return rest
    const standings = gains.flatMap((stage, s) => {
      const { earned, possible } = standingIn(memory, s)
      return [earned + stage[k].earned, possible + stage[k].possible]
    })
    return { vector: rest?.vector ?? null, values: [...standings, ...(rest?.values ?? [])] }
  })
  return { own, neighbours }
}
