import { type AttackInfo, createAttack, listAttacks } from '@tempered/robust-agg/attacks'
import type { Rng } from '@tempered/robust-agg/rng'
import type { Dataset } from '@tempered/train'
import { dataProblem } from '../adversary/data-poisoning.js'
import type { Scenario, ScenarioInput } from '../scenario/schema.js'
import { callText } from '../text/call-text.js'

type Adversary = NonNullable<ScenarioInput['adversaries']>[number]

/** What the red team may try: an attack with parameters, when it begins, and where the attackers sit. */
export interface Candidate {
  readonly name: string
  readonly params: Readonly<Record<string, number>>
  /** First round of the attack, from 1. */
  readonly from: number
  readonly placement: NonNullable<Adversary['placement']>
}

/** Parameters that define an attack rather than its strength. Searching over them finds nothing new. */
const FIXED: ReadonlySet<string> = new Set([
  'seed',
  'nodes',
  'attackers',
  'index',
  'lag',
  'idle',
  'target',
  'size',
  'random',
  'steps',
])
const PLACEMENTS = ['random', 'worst-position', 'one-per-neighbourhood'] as const
/** Nodes reject malformed values on arrival, so this attack has no strength to search for. */
const HOPELESS: ReadonlySet<string> = new Set(['nan', 'infinite', 'denormal', 'huge', 'equivocation'])

/** Whether an attack can be carried out in a scenario. */
export type IsPossible = (info: AttackInfo) => boolean

/** Attacks on training data need labels or images, and data that the node itself has. */
export function possibleAttacks(
  scenario: Pick<Scenario, 'trainers'>,
  train: Dataset | undefined,
): IsPossible {
  return ({ name, kind }) => {
    if (kind !== 'data') return true
    if (scenario.trainers !== undefined || train === undefined) return false
    const attack = createAttack(name)
    return attack.kind === 'data' && dataProblem(attack, train) === undefined
  }
}

/** Every attack with its default parameters, with attackers at random places, from the first round on. */
export function openingCandidates(isPossible: IsPossible = () => true): Candidate[] {
  return listAttacks()
    .filter((info) => !HOPELESS.has(info.name) && info.name !== 'model-replacement' && isPossible(info))
    .map(({ name }) => ({ name, params: {}, from: 1, placement: 'random' }))
}

/**
 * A variation of a candidate: one or more of its numbers multiplied by up to `reach` or divided by it, and sometimes
 * another first round or another placement. `rounds` is the length of the run.
 */
export function vary(candidate: Candidate, rounds: number, reach: number, rng: Rng): Candidate {
  const infos = tunable(candidate.name)
  const params = { ...candidate.params }
  const chosen =
    infos.length === 0 ? [] : infos.filter(() => rng.uniform() < 1 / Math.max(1, infos.length - 1))
  for (const info of chosen.length > 0 ? chosen : infos.slice(0, 1)) {
    const before = params[info.name] ?? info.default ?? 1
    const factor = reach ** (2 * rng.uniform() - 1)
    params[info.name] = clamp(before === 0 ? factor - 1 : before * factor, info)
  }
  // Attacks without numeric parameters are varied only in time and placement.
  const turn = infos.length === 0 || rng.uniform() < 0.3
  if (!turn) return { ...candidate, params }
  return rng.uniform() < 0.5
    ? { ...candidate, params, placement: PLACEMENTS[rng.integer(PLACEMENTS.length)]! }
    : { ...candidate, params, from: 1 + rng.integer(Math.max(1, Math.floor(rounds / 2))) }
}

function tunable(name: string): AttackInfo['params'] {
  const info = listAttacks().find((attack) => attack.name === name)
  return (info?.params ?? []).filter((one) => !FIXED.has(one.name) && one.default !== null)
}

function clamp(value: number, info: AttackInfo['params'][number]): number {
  const rounded = info.integer ? Math.round(value) : Number(value.toPrecision(3))
  const least = info.aboveMin && rounded <= info.min ? info.min + (info.integer ? 1 : 1e-3) : info.min
  return Math.min(info.max, Math.max(least, rounded))
}

/** `alie(z=3), from round 5, worst-position`. */
export function candidateText(candidate: Candidate): string {
  const { from, placement } = candidate
  const parts = [callText(candidate)]
  if (from > 1) parts.push(`from round ${from}`)
  if (placement !== 'random') parts.push(placement)
  return parts.join(', ')
}

/** The scenario in which a candidate attacks. */
export function withCandidate(base: ScenarioInput, fraction: number, candidate: Candidate): ScenarioInput {
  const { name, params, from, placement } = candidate
  return { ...base, adversaries: [{ fraction, placement, from, attack: { name, params } }] }
}
