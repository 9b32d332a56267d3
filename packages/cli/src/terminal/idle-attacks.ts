import { idleAttackWarning } from '@tempered/lab/adversary'
import type { Scenario } from '@tempered/lab/scenario'
import pc from 'picocolors'

/** What is to be said of attacks of a scenario that cannot act on its chain. */
export function idleAttacks({ adversaries, chain }: Pick<Scenario, 'adversaries' | 'chain'>): string[] {
  const texts = adversaries.flatMap(({ attack }) => idleAttackWarning(attack.name, chain?.architecture) ?? [])
  return [...new Set(texts)]
}

/** Warns of them on stderr, but of those that were said before. */
export function warnOfIdleAttacks(
  scenario: Pick<Scenario, 'adversaries' | 'chain'>,
  said = new Set<string>(),
): void {
  for (const text of idleAttacks(scenario)) {
    if (!said.has(text)) process.stderr.write(`${pc.yellow('warning')}: ${text}\n`)
    said.add(text)
  }
}
