import { type AttackInfo, listAttacks } from '@tempered/robust-agg/attacks'
import type { ScenarioAdversary } from './adversary-schema.js'

type Knowledge = AttackInfo['knowledge']

/** What an attacking node does, with everything resolved. Plain data: it is sent to worker processes. */
export interface PlannedAttack extends NamedAttack {
  /** Whose models of a round it sees; `neighbours` where it does not collude. */
  readonly knowledge: Knowledge
  /** First round in which it attacks, from 0. */
  readonly from: number
  /** Last round in which it attacks, from 0. */
  readonly to: number
  readonly colluding: boolean
  /** An attack on the training data in addition to one on the model. */
  readonly poison?: NamedAttack | undefined
}

export interface NamedAttack {
  readonly name: string
  readonly params: Readonly<Record<string, number>>
}

/** Name of an attack in results, including its poison. */
export function attackName({ name, poison }: PlannedAttack): string {
  return poison === undefined ? name : `${poison.name} + ${name}`
}

const LEVELS: readonly Knowledge[] = ['own', 'neighbours', 'all']

/** True when `a` is less than `b`. */
export function knowsLess(a: Knowledge, b: Knowledge): boolean {
  return LEVELS.indexOf(a) < LEVELS.indexOf(b)
}

/**
 * The knowledge that an attack needs: `own` for attacks on the ledger, which robust-agg does not know and which see no
 * other models.
 */
export function knowledgeOf(attack: string): Knowledge {
  return listAttacks().find(({ name }) => name === attack)?.knowledge ?? 'own'
}

/** The attack of a scenario entry as its nodes carry it out in a run of `rounds` rounds. */
export function planAttack(entry: ScenarioAdversary, rounds: number): PlannedAttack {
  const { attack, colluding } = entry
  const knowledge = entry.knowledge ?? knowledgeOf(attack.name)
  return {
    name: attack.name,
    params: attack.params,
    knowledge: !colluding && knowledge === 'all' ? 'neighbours' : knowledge,
    from: entry.from - 1,
    to: Math.min(entry.to ?? rounds, rounds) - 1,
    colluding,
    ...(entry.poison === undefined ? {} : { poison: entry.poison }),
  }
}
