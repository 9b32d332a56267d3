import { type AttackInfo, listAttacks } from '@tempered/robust-agg/attacks'
import type { ScenarioAdversary } from './adversary-schema.js'

type Knowledge = AttackInfo['knowledge']

/** What an attacking node does, with everything resolved. Plain data: it goes to host processes. */
export interface PlannedAttack extends NamedAttack {
  /** Whose models of a round it sees; `neighbours` where it does not collude. */
  readonly knowledge: Knowledge
  /** First round in which it attacks, from 0. */
  readonly from: number
  /** Last round in which it attacks, from 0. */
  readonly to: number
  readonly colluding: boolean
  /** An attack on the training data beside one on the model. */
  readonly poison?: NamedAttack | undefined
}

export interface NamedAttack {
  readonly name: string
  readonly params: Readonly<Record<string, number>>
}

/** What results call an attack: with the poison that rides on it. */
export function attackName({ name, poison }: PlannedAttack): string {
  return poison === undefined ? name : `${poison.name} + ${name}`
}

const LEVELS: readonly Knowledge[] = ['own', 'neighbours', 'all']

/** True when `a` is less than `b`. */
export function knowsLess(a: Knowledge, b: Knowledge): boolean {
  return LEVELS.indexOf(a) < LEVELS.indexOf(b)
}

/** What an attack asks to see: `own` for those that robust-agg does not know, which see nothing of others. */
export function knowledgeOf(attack: string): Knowledge {
  return listAttacks().find(({ name }) => name === attack)?.knowledge ?? 'own'
}

/** An entry of the scenario as its nodes carry it out in a run of so many rounds. */
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
