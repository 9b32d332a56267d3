import type { Problem } from '../config/problem.js'
import { checkScenario } from '../scenario/scenario-checks.js'
import { scenarioSchema } from '../scenario/schema.js'
import { type Cell, cellsOf, representatives } from './cells.js'
import type { Lab } from './lab-schema.js'

/** Every mistake of a lab that its schema does not see, with its place on the axes that the wrong cells come from. */
export function checkLab(lab: Lab): Problem[] {
  const found = new Map<string, Problem>()
  for (const cell of representatives(cellsOf(lab))) {
    for (const { path, message } of checkScenario(scenarioSchema.parse(cell.scenario))) {
      const problem = { path: labPath(cell, path), message: message + whereOf(lab, cell, path) }
      found.set(JSON.stringify(problem), problem)
    }
  }
  return [...found.values()]
}

/** On which of several topologies a rule does not work. */
function whereOf({ axes }: Lab, { topology }: Cell, [key]: Problem['path']): string {
  return key === 'rule' && axes.topologies.length > 1 ? ` (topology ${topology})` : ''
}

/** Where the lab says what stands at this path of a cell's scenario. */
function labPath({ origin }: Cell, path: Problem['path']): Problem['path'] {
  const [key, ...rest] = path
  const axis = (name: keyof Lab['axes'], index: number, below: Problem['path']): Problem['path'] =>
    index < 0 ? ['axes', name] : ['axes', name, index, ...below]
  if (key === 'rule') return axis('rules', origin.rule, rest)
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
