import type { Problem } from '../documents/problem.js'
import { checkScenario } from '../scenario/scenario-checks.js'
import { scenarioSchema } from '../scenario/schema.js'
import { type Cell, cellsOf, NO_ATTACK, representatives } from './cells.js'
import {
  attackDisplayName,
  chainDisplayName,
  noiseDisplayName,
  privacyDisplayName,
  ruleDisplayName,
  splitDisplayName,
  topologyDisplayName,
  UNDEFENDED_NAME,
} from './display-names.js'
import type { Lab } from './lab-schema.js'

/** Every mistake of a lab that its schema cannot find, with its place on the axes that the wrong cells come from. */
export function checkLab(lab: Lab): Problem[] {
  const twice = checkDisplayNames(lab)
  if (twice.length > 0) return twice
  const found = new Map<string, Problem>()
  for (const cell of representatives(cellsOf(lab))) {
    for (const { path, message } of checkScenario(scenarioSchema.parse(cell.scenario))) {
      const problem = { path: labPath(cell, path), message: message + whereOf(lab, cell, path) }
      found.set(JSON.stringify(problem), problem)
    }
  }
  return [...found.values()]
}

/** Tables distinguish cells by name: two entries with the same name would be merged. */
function checkDisplayNames({ axes }: Lab): Problem[] {
  const displayNames: Record<keyof Lab['axes'], readonly string[]> = {
    rules: axes.rules.map(ruleDisplayName),
    attacks: axes.attacks.map(attackDisplayName),
    fractions: axes.fractions.map(String),
    chains: axes.chains.map(chainDisplayName),
    privacy: axes.privacy.map(privacyDisplayName),
    differentialPrivacy: (axes.differentialPrivacy ?? []).map(noiseDisplayName),
    topologies: axes.topologies.map(topologyDisplayName),
    splits: axes.splits.map(splitDisplayName),
    seeds: axes.seeds.map(String),
  }
  const problems = Object.entries(displayNames).flatMap(([axis, names]) =>
    names.flatMap((name, k): Problem[] => {
      if (names.indexOf(name) === k) return []
      const mend = ['rules', 'attacks', 'chains', 'privacy', 'differentialPrivacy', 'topologies'].includes(
        axis,
      )
        ? 'give one of them a label, or remove it'
        : 'remove one of them'
      return [{ path: ['axes', axis, k], message: `two of them have the name ${name} in tables; ${mend}` }]
    }),
  )
  axes.rules.forEach(({ name, label, pre, training }, k) => {
    const plain = name === UNDEFENDED_NAME && pre.length === 0 && Object.keys(training).length === 0
    if (label === UNDEFENDED_NAME && !plain)
      problems.push({
        path: ['axes', 'rules', k, 'label'],
        message: `${UNDEFENDED_NAME} is the name of plain averaging in tables; choose another label`,
      })
  })
  axes.attacks.forEach(({ label }, k) => {
    if (label === NO_ATTACK)
      problems.push({
        path: ['axes', 'attacks', k, 'label'],
        message: `${NO_ATTACK} is the name of the attack-free run in tables; choose another label`,
      })
  })
  return problems
}

/** The topology on which a rule does not work, if there are several. */
function whereOf({ axes }: Lab, { topology }: Cell, [key]: Problem['path']): string {
  return key === 'rule' && axes.topologies.length > 1 ? ` (topology ${topology})` : ''
}

/** The path in the lab that sets this path of a cell's scenario. */
function labPath({ origin }: Cell, path: Problem['path']): Problem['path'] {
  const [key, ...rest] = path
  const axis = (name: keyof Lab['axes'], index: number, below: Problem['path']): Problem['path'] =>
    index < 0 ? ['axes', name] : ['axes', name, index, ...below]
  if (key === 'rule') return axis('rules', origin.rule, rest)
  if (key === 'chain') return axis('chains', origin.chain, rest)
  if (key === 'privacy') return axis('privacy', origin.privacy, rest)
  if (key === 'differentialPrivacy' && origin.noise >= 0)
    return axis('differentialPrivacy', origin.noise, rest)
  if (key === 'topology') return axis('topologies', origin.topology, rest)
  if (key === 'data' && rest[0] === 'split') return axis('splits', origin.split, rest.slice(1))
  if (key === 'adversaries') {
    const [, field, ...below] = rest
    if (field === undefined) return ['axes', 'fractions']
    if (field === 'placement') return ['placement']
    return axis('attacks', origin.attack, field === 'attack' ? below : [field, ...below])
  }
  return ['scenario', ...path]
}
