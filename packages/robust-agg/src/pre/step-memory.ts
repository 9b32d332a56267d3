/**
 * The memory of pre-aggregators: for each sender and the node itself, its reputation in each step that has a memory. In a `SenderMemory`
 * the two numbers of each such step come first among the values, in the order of the steps; the rest belongs to the
 * rule.
 */

import type { RoundMemory, SenderMemory } from '../types.js'
import type { Reputation } from './definition.js'

const NUMBERS_PER_STEP = 2
const NO_REPUTATION: Reputation = { earned: 0, possible: 0 }

const finite = (value: number | undefined): number =>
  value !== undefined && Number.isFinite(value) ? value : 0

/** A sender's reputation in step `s` of those that have a memory. */
export function reputationIn(memory: SenderMemory | null, s: number): Reputation {
  if (memory === null) return NO_REPUTATION
  const at = NUMBERS_PER_STEP * s
  const [earned, possible] = [memory.values[at], memory.values[at + 1]]
  return { earned: finite(earned), possible: Math.max(0, finite(possible)) }
}

/** What was earned as a share of what was possible; 0 when nothing was possible. */
export function shareOf({ earned, possible }: Reputation): number {
  return possible > 0 ? earned / possible : 0
}

/** The rule's part of a sender's memory behind `steps` steps that have one; null when the rule has none of it. */
export function ruleMemory(memory: SenderMemory | null, steps: number): SenderMemory | null {
  if (memory === null || steps === 0) return memory
  const values = memory.values.slice(NUMBERS_PER_STEP * steps)
  return memory.vector === null && values.length === 0 ? null : { vector: memory.vector, values }
}

/**
 * The memory after a round.
 *
 * @param before - of the node's own model, then of the neighbours, as the caller passed it
 * @param gains - for each step that has a memory, what each of them gained in this round
 * @param rules - the rule's new memory, in the same order
 */
export function memoryAfter(
  before: readonly (SenderMemory | null)[],
  gains: readonly (readonly Reputation[])[],
  rules: readonly (SenderMemory | null)[],
): RoundMemory {
  const [own, ...neighbours] = before.map((memory, k): SenderMemory | null => {
    const rest = rules[k]
    if (gains.length === 0) return rest
    const reputations = gains.flatMap((gained, s) => {
      const { earned, possible } = reputationIn(memory, s)
      return [earned + gained[k].earned, possible + gained[k].possible]
    })
    return { vector: rest?.vector ?? null, values: [...reputations, ...(rest?.values ?? [])] }
  })
  return { own, neighbours }
}
