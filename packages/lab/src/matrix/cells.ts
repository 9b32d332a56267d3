import { createHash } from 'node:crypto'
import { type ScenarioInput, scenarioSchema } from '../scenario/schema.js'
import {
  attackDisplayName,
  combinationName,
  ruleDisplayName,
  splitDisplayName,
  topologyDisplayName,
  UNDEFENDED_NAME,
} from './display-names.js'
import type { Lab, LabAttack, LabRule } from './lab-schema.js'

/** Coordinates of a cell, as tables show them. */
export interface CellPlace {
  /** With the chain on which the nodes agree on its aggregates, and the noise of an axis, if there are any. */
  readonly rule: string
  /** `none` for the attack-free run. */
  readonly attack: string
  /** Share of attacking nodes; 0 for the attack-free run. */
  readonly fraction: number
  readonly topology: string
  readonly split: string
  readonly seed: number
}

/** Indices of the axis entries that a cell is made of; -1 for a control that is not on an axis. */
export interface CellOrigin {
  readonly rule: number
  readonly chain: number
  readonly privacy: number
  readonly noise: number
  readonly attack: number
  readonly topology: number
  readonly split: number
}

/** One run of a matrix. */
export interface Cell extends CellPlace {
  readonly origin: CellOrigin
  /** Its file name among the results: lower-case letters, digits and dashes, unique in the lab. */
  readonly id: string
  readonly scenario: ScenarioInput
  /** SHA-256 of the resolved scenario, hexadecimal: a finished cell counts only for exactly the same run. */
  readonly hash: string
}

export const NO_ATTACK = 'none'
const UNDEFENDED: LabRule = { name: UNDEFENDED_NAME, params: {}, pre: [], training: {} }

/** All cells of a lab, including controls, one seed after the other. */
export function cellsOf(lab: Lab): Cell[] {
  const { axes, controls } = lab
  const rules = [...axes.rules]
  const control = (controls.undefended || controls.baseline) && !rules.some(isUndefended)
  if (control) rules.unshift(UNDEFENDED)
  return axes.seeds.flatMap((seed) =>
    axes.topologies.flatMap((topology) =>
      axes.splits.flatMap((split) =>
        rules.flatMap((rule) => {
          const isControl = control && rule === UNDEFENDED
          const attacks = isControl ? controlAttacks(lab, topology) : attacksOf(lab, topology)
          // A control is what happens without any of it.
          const chains: readonly LabChain[] = isControl ? ['none'] : axes.chains
          const privacies: readonly LabPrivacy[] = isControl ? ['none'] : axes.privacy
          const noises = noisesOf(axes, isControl)
          return chains.flatMap((chain) =>
            privacies.flatMap((privacy) =>
              noises.flatMap((noise) =>
                attacks.map((one) =>
                  makeCell(lab, { rule, chain, privacy, noise, topology, split, seed, ...one }),
                ),
              ),
            ),
          )
        }),
      ),
    ),
  )
}

function makeCell(lab: Lab, parts: CellParts): Cell {
  const { axes } = lab
  const { rule, chain, privacy, noise, attack, fraction, topology, split, seed } = parts
  const place: CellPlace = {
    rule: combinationName(rule, chain, privacy, noise),
    attack: attack === undefined ? NO_ATTACK : attackDisplayName(attack),
    fraction,
    topology: topologyDisplayName(topology),
    split: splitDisplayName(split),
    seed,
  }
  const origin: CellOrigin = {
    rule: axes.rules.indexOf(rule),
    chain: axes.chains.indexOf(chain),
    privacy: axes.privacy.indexOf(privacy),
    noise: noise === undefined ? -1 : (axes.differentialPrivacy ?? []).indexOf(noise),
    attack: attack === undefined ? -1 : axes.attacks.indexOf(attack),
    topology: axes.topologies.indexOf(topology),
    split: axes.splits.indexOf(split),
  }
  const scenario = scenarioOf(lab, parts)
  return { id: cellId(place), ...place, origin, scenario, hash: hashOf(scenario) }
}

type LabTopology = Lab['axes']['topologies'][number]
type LabChain = Lab['axes']['chains'][number]
type LabPrivacy = Lab['axes']['privacy'][number]
type LabNoise = NonNullable<Lab['axes']['differentialPrivacy']>[number]

/** Attack and share of attackers for the cells of one rule, including the attack-free cell. */
function attacksOf({ axes, controls, scenario }: Lab, { honest, nodes = scenario.nodes }: LabTopology) {
  const fractions = honest === undefined ? axes.fractions : [(nodes - honest) / nodes]
  const attacked = axes.attacks.flatMap((attack) =>
    fractions.filter((fraction) => fraction > 0).map((fraction) => ({ attack, fraction })),
  )
  const attackFree = controls.honest || fractions.includes(0) || axes.attacks.length === 0
  return [...(attackFree ? [{ attack: undefined, fraction: 0 }] : []), ...attacked]
}

/** The same for plain averaging when it is only a control. */
function controlAttacks(lab: Lab, topology: LabTopology) {
  const { undefended, baseline } = lab.controls
  const attacked = undefended ? attacksOf(lab, topology).filter(({ fraction }) => fraction > 0) : []
  return [...(baseline ? [{ attack: undefined, fraction: 0 }] : []), ...attacked]
}

/**
 * A small set of cells that covers every rule on every topology, and every attack, fraction, split and seed. Any
 * mistake in a lab shows in at least one of them.
 */
export function representatives(cells: readonly Cell[]): Cell[] {
  const seen = new Set<string>()
  return cells.filter((cell) => {
    const { rule, attack, fraction, topology, split, seed } = cell
    const marks = [`${rule} on ${topology}`, attack, `fraction ${fraction}`, split, `seed ${seed}`]
    if (marks.every((mark) => seen.has(mark))) return false
    for (const mark of marks) seen.add(mark)
    return true
  })
}

interface CellParts {
  readonly rule: LabRule
  readonly chain: LabChain
  readonly privacy: LabPrivacy
  /** Undefined for that of the scenario. */
  readonly noise: LabNoise | undefined
  readonly attack: LabAttack | undefined
  readonly fraction: number
  readonly topology: LabTopology
  readonly split: Lab['axes']['splits'][number]
  readonly seed: number
}

function scenarioOf(
  lab: Lab,
  { rule, chain, privacy, noise, attack, fraction, topology, split, seed }: CellParts,
): ScenarioInput {
  const { placement } = lab
  const { differentialPrivacy, ...scenario } = lab.scenario
  const { label: _, training, ...plainRule } = rule
  const { label: ___, nodes = scenario.nodes, honest, ...plainTopology } = topology
  const who =
    honest === undefined
      ? { fraction, ...(placement === undefined ? {} : { placement }) }
      : { nodes: Array.from({ length: nodes - honest }, (____, k) => honest + k) }
  const adversaries = (): ScenarioInput['adversaries'] => {
    if (attack === undefined) return []
    const { name, params, label: __, ...rest } = attack
    return [{ ...who, ...rest, attack: { name, params } }]
  }
  return {
    ...scenario,
    name: lab.name,
    seed,
    nodes,
    topology: plainTopology,
    ...(chain === 'none' ? {} : { chain: { architecture: chain.architecture, params: chain.params } }),
    ...(privacy === 'none' ? {} : { privacy: withoutLabel(privacy) }),
    ...noiseOf(noise, differentialPrivacy),
    data: { ...scenario.data, split },
    training: { ...scenario.training, ...training },
    rule: plainRule,
    adversaries: adversaries(),
    keepRounds: 2,
    ...(lab.modules === undefined ? {} : { modules: lab.modules }),
  }
}

const withoutLabel = ({ label: _, ...privacy }: Exclude<LabPrivacy, 'none'>) => privacy
/** Values of the axis for a rule; undefined for that of the scenario, which controls have in common with the others. */
function noisesOf(
  { differentialPrivacy }: Lab['axes'],
  isControl: boolean,
): readonly (LabNoise | undefined)[] {
  if (differentialPrivacy === undefined) return [undefined]
  return isControl ? ['none'] : differentialPrivacy
}

/** The key of the scenario for a value of the axis. */
function noiseOf(
  noise: LabNoise | undefined,
  general: ScenarioInput['differentialPrivacy'],
): Pick<ScenarioInput, 'differentialPrivacy'> {
  if (noise === undefined) return general === undefined ? {} : { differentialPrivacy: general }
  if (noise === 'none') return {}
  const { label: _, ...differentialPrivacy } = noise
  return { differentialPrivacy }
}

/** Whether a rule is plain averaging with the training of the lab and under its usual name. */
function isUndefended(rule: LabRule): boolean {
  return rule.name === UNDEFENDED.name && rule.pre.length === 0 && ruleDisplayName(rule) === UNDEFENDED_NAME
}

/** Readable, with a hash that makes it unique. */
function cellId(place: CellPlace): string {
  const text = JSON.stringify(place)
  const words = [place.rule, place.attack, place.fraction, `s${place.seed}`].join('-')
  const slug = words
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 80)
  return `${slug}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`
}

function hashOf(scenario: ScenarioInput): string {
  return createHash('sha256')
    .update(JSON.stringify(scenarioSchema.parse(scenario)))
    .digest('hex')
}
