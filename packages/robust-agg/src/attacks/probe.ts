/** The result of a victim's rule for a submission: for attacks that search, and for tests. */

import type { RoundInput, Rule } from '../types.js'

export interface ProbeInit {
  readonly rule: Rule
  /** The victim's round as it would be without attackers: own model, honest neighbours and what the rule needs. */
  readonly round: RoundInput
  /** How many neighbours send the submission; they come after the honest ones. */
  readonly attackers: number
  /** The mixing weight of each; required if `round.weights` are given. */
  readonly attackerWeight?: number | undefined
}

/**
 * A function from a submission (length d) to the victim's aggregate (length d, `out` if given, otherwise fresh). It
 * can be an attack's `AttackView.probe`.
 *
 * @throws RobustAggError E_ROUND_INPUT when called with a round that `Rule.aggregate` refuses
 */
export function createProbe({
  rule,
  round,
  attackers,
  attackerWeight,
}: ProbeInit): (submission: Float32Array, out?: Float32Array) => Float32Array {
  const each = <T>(value: T): T[] => new Array<T>(attackers).fill(value)
  const { weights, honest, memory, opinions } = round
  const input: RoundInput = {
    ...round,
    ...(weights && { weights: [...Array.from(weights), ...each(attackerWeight ?? Number.NaN)] }),
    ...(honest && { honest: [...Array.from(honest), ...each(false)] }),
    ...(memory && { memory: { own: memory.own, neighbours: [...memory.neighbours, ...each(null)] } }),
    ...(opinions && { opinions: [...opinions, ...each(null)] }),
  }
  return (submission, out) =>
    rule.aggregate({ ...input, neighbours: [...round.neighbours, ...each(submission)] }, out).vector
}
