import { idleAttackWarning, idlePrivateAttackWarning } from '@tempered/lab/adversary'
import type { Scenario } from '@tempered/lab/scenario'
import pc from 'picocolors'

type RunParts = Pick<Scenario, 'adversaries' | 'chain' | 'privacy'>

/** What is to be said of attacks of a scenario that cannot act on its chain or its private rounds. */
export function idleAttacks({ adversaries, chain, privacy }: RunParts): string[] {
  const texts = adversaries.flatMap(
    ({ attack }) =>
      idleAttackWarning(attack.name, chain?.architecture) ??
      idlePrivateAttackWarning(attack.name, privacy !== undefined) ??
      [],
  )
  return [...new Set(texts)]
}

/** Warns of them on stderr, but of those that were said before. */
export function warnOfIdleAttacks(scenario: RunParts, said = new Set<string>()): void {
  for (const text of idleAttacks(scenario)) {
    if (!said.has(text)) process.stderr.write(`${pc.yellow('warning')}: ${text}\n`)
    said.add(text)
  }
}
