/**
 * What pre-aggregators remember: one number a sender and stage, what it has earned so far. In a `SenderMemory` the
 * numbers of the stages come first among the values, in their order; the rest is the rule's.
 */

import type { RoundMemory, SenderMemory } from '../types.js'

/** For each stage with memory, what each original input earned in this round. */
export type StageEarnings = readonly (readonly number[])[]

/** What a sender has earned in each of so many stages; 0 where nothing is remembered. */
export function stagesPart(memory: SenderMemory | null, stages: number): number[] {
  return Array.from({ length: stages }, (_, s) => {
    const value = memory?.values[s] ?? 0
    return Number.isFinite(value) ? value : 0
  })
}

/** What the rule remembers of a sender; null where it remembers nothing. */
export function rulesPart(memory: SenderMemory | null, stages: number): SenderMemory | null {
  if (memory === null || stages === 0) return memory
  const values = memory.values.slice(stages)
  return memory.vector === null && values.length === 0 ? null : { vector: memory.vector, values }
}

/**
 * The memory after a round.
 *
 * @param before - of the own model, then of the neighbours, as it was handed in
 * @param rules - what the rule remembers from now on, in the same order
 */
export function afterRound(
  before: readonly (SenderMemory | null)[],
  earnings: StageEarnings,
  rules: readonly (SenderMemory | null)[],
): RoundMemory {
  const [own, ...neighbours] = before.map((memory, k): SenderMemory | null => {
    const rest = rules[k]
    if (earnings.length === 0) return rest
    const credits = stagesPart(memory, earnings.length).map((value, s) => value + earnings[s][k])
    return { vector: rest?.vector ?? null, values: [...credits, ...(rest?.values ?? [])] }
  })
  return { own, neighbours }
}
