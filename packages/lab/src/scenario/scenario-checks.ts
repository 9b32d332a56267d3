import { ChainError, openChain } from '@tempered/chain'
import { counted } from '@tempered/errors'
import { createRunRule, privacySpec, publishesLosses } from '@tempered/node'
import { privacyProblem } from '@tempered/protocol'
import { isRobustAggError, type RobustAggError } from '@tempered/robust-agg'
import { listAttacks } from '@tempered/robust-agg/attacks'
import { createTopology, type Topology } from '@tempered/robust-agg/topology'
import { checkPrivacy, SecaggError } from '@tempered/secagg'
import { knowledgeOf, knowsLess } from '../adversary/planned-attack.js'
import type { Problem } from '../documents/problem.js'
import { checkFaults } from '../faults/fault-checks.js'
import { ranges } from '../text/ranges.js'
import { checkAssertions } from './assertion-checks.js'
import { cliquesOf } from './data-split.js'
import { checkAttack, checkRule, checkTopology } from './name-checks.js'
import { placeAdversaries } from './placement.js'
import type { Scenario, ScenarioRule } from './schema.js'
import { checkTrainers } from './trainers.js'

/** Keys on which the checks of other keys do not depend. When they are wrong, the rest can still be checked. */
export const INDEPENDENT_KEYS: readonly string[] = [
  'name',
  'mixing',
  'privacy',
  'data',
  'model',
  'trainers',
  'rule',
  'rules',
  'faults',
  'stop',
  'assertions',
  'evaluation',
  'deadlines',
  'patienceRounds',
  'backend',
  'keepRounds',
]

/**
 * Every mistake of a scenario that its schema cannot find, with its place: names, parameters, topologies that do not
 * exist, rules that do not work on them, contradictory adversaries, faults and assertions. Looks at every seed.
 *
 * @param raw the scenario as in its file, which shows whether it has `rule` or `rules`
 */
export function checkScenario(scenario: Scenario, raw?: unknown): Problem[] {
  const { adversaries, nodes, training, faults, seeds } = scenario
  const isList = (raw as { rules?: unknown } | undefined)?.rules !== undefined
  const rules = scenario.rules.map((rule, k) => ({ rule, path: isList ? ['rules', k] : ['rule'] }))
  const problems = [
    ...rules.flatMap(({ rule, path }) => checkRule(rule, path)),
    ...adversaries.flatMap((entry, k) => checkAdversary(entry, training.rounds, ['adversaries', k])),
    ...checkAssertions(scenario),
    ...checkClasses(scenario),
    ...checkChain(scenario),
    ...checkPrivateRounds(scenario),
    ...checkDifferentialPrivacy(scenario),
    ...rules.flatMap(({ rule, path }) => checkNoisyRule(scenario, rule, path)),
  ]
  for (const seed of seeds) {
    const wrong = checkTopology(scenario, seed)
    problems.push(...wrong)
    const topology = wrong.length > 0 ? undefined : createTopology(scenario.topology, nodes, seed)
    if (topology !== undefined) {
      problems.push(...rules.flatMap(({ rule, path }) => checkRuleOn(topology, rule, path)))
      problems.push(...checkCliques(topology, scenario))
    }
    const ring = topology ?? createTopology({ name: 'ring' }, nodes, seed)
    const placed = placeAdversaries({ nodes, seed, adversaries, topology: ring })
    problems.push(...placed.problems, ...checkTrainers(scenario, placed.entryOf))
    const honest = Array.from({ length: nodes }, (_, index) => index).filter(
      (index) => !placed.entryOf.has(index),
    )
    if (honest.length === 0)
      problems.push({ path: ['adversaries'], message: 'every node attacks; at least one must be honest' })
    problems.push(...checkFaults(faults, { nodes, rounds: training.rounds, topology, honest }))
  }
  return distinct(problems)
}

/** Whether the groups of a private run can open their sums. */
function checkPrivateRounds({
  privacy,
  nodes,
  seeds,
  chain,
  contribution,
  differentialPrivacy,
}: Scenario): Problem[] {
  if (privacy === undefined) return []
  try {
    checkPrivacy({
      privacy: privacySpec(privacy, nodes),
      members: nodes,
      seed: seeds[0]!,
      parameterCount: 1,
      hasChain: chain !== undefined,
      hasContribution: contribution !== undefined,
      sharedAmong: differentialPrivacy?.sharedAmong,
    })
    return []
  } catch (error) {
    const isRule = isRobustAggError(error)
    if (!isRule && !(error instanceof SecaggError)) throw error
    return [{ path: isRule ? ['privacy', 'rule'] : ['privacy'], message: (error as Error).message }]
  }
}

function checkAdversary(
  entry: Scenario['adversaries'][number],
  rounds: number,
  path: Problem['path'],
): Problem[] {
  const { attack, knowledge, from } = entry
  const problems = checkAttack(attack, [...path, 'attack'])
  if (problems.some((problem) => problem.path.at(-1) === 'name')) return problems
  const needs = knowledgeOf(attack.name)
  if (knowledge !== undefined && knowsLess(knowledge, needs)) {
    problems.push({
      path: [...path, 'knowledge'],
      message: `${attack.name} must see more than ${knowledge}: give ${needs}, or set colluding: false for less`,
    })
  }
  if (from > rounds)
    problems.push({ path: [...path, 'from'], message: `round ${from} is after the last one, ${rounds}` })
  if (entry.poison !== undefined) problems.push(...checkPoison(entry.poison, attack, path))
  return problems
}

/** Whether a common chain exists, and whether its members could check one another's blocks. */
function checkChain({ chain, topology, nodes, seed }: Scenario): Problem[] {
  if (chain === undefined) return []
  const problems: Problem[] = []
  try {
    openChain(chain)
  } catch (error) {
    if (!(error instanceof ChainError)) throw error
    const { path: parameter } = error.details as { path?: string }
    const at =
      parameter === undefined ? ['architecture'] : ['params', ...parameter.split('.').filter(Boolean)]
    problems.push({ path: ['chain', ...at], message: error.message })
  }
  if (checkTopology({ topology, nodes }, seed).length === 0) {
    const graph = createTopology(topology, nodes, seed)
    if (
      Array.from({ length: nodes }, (_, k) => graph.neighbours(k).length).some((count) => count < nodes - 1)
    )
      problems.push({
        path: ['topology'],
        message: "members of a chain fetch each other's models; use topology complete, or leave it out",
      })
  }
  return problems
}

/** Whether the run would publish what it promises to hide. */
function checkDifferentialPrivacy(scenario: Scenario): Problem[] {
  const { privacy, nodes } = scenario
  const problem = privacyProblem({ ...scenario, privacy: privacy && privacySpec(privacy, nodes) })
  if (problem !== undefined) return [{ path: problem.path.split('.'), message: problem.message }]
  if (scenario.differentialPrivacy?.on !== 'sample' || scenario.trainers === undefined) return []
  const message =
    'clips the gradient of every sample, and trainer processes show the node no gradients; use on: update'
  return [{ path: ['differentialPrivacy', 'on'], message }]
}

function checkNoisyRule(
  { differentialPrivacy }: Scenario,
  rule: ScenarioRule,
  path: Problem['path'],
): Problem[] {
  if (!publishesLosses(rule.name) || differentialPrivacy === undefined) return []
  const message = `${rule.name} writes losses on each node's own samples into the ledger, which differentialPrivacy does not cover; choose a rule that needs none`
  return [{ path, message }]
}

/** Only own data can have another number of classes. */
function checkClasses({ data: { source, classes } }: Scenario): Problem[] {
  if (source !== 'mnist' || classes === undefined || classes === 10) return []
  const message = 'the embedded digits have 10 classes; remove it, or name a folder with IDX files as source'
  return [{ path: ['data', 'classes'], message }]
}

/** A poison must be an attack on training data, and it must go with an attack on models. */
function checkPoison(
  poison: NonNullable<Scenario['adversaries'][number]['poison']>,
  attack: { readonly name: string },
  path: Problem['path'],
): Problem[] {
  const problems = checkAttack(poison, [...path, 'poison'])
  if (problems.length > 0) return problems
  const kindOf = (name: string) => listAttacks().find((info) => info.name === name)?.kind
  if (kindOf(poison.name) !== 'data')
    return [{ path: [...path, 'poison'], message: `${poison.name} is not an attack on training data` }]
  if (kindOf(attack.name) !== 'model')
    return [
      {
        path: [...path, 'poison'],
        message: `must go with an attack on models, and ${attack.name} is not one`,
      },
    ]
  return []
}

function checkRuleOn(topology: Topology, rule: ScenarioRule, path: Problem['path']): Problem[] {
  if (checkRule(rule, path).length > 0) return []
  const made = createRunRule(rule)
  const byCount = new Map<number, number[]>()
  for (let node = 0; node < topology.n; node++) {
    const count = topology.neighbours(node).length
    byCount.set(count, [...(byCount.get(count) ?? []), node])
  }
  return [...byCount].flatMap(([count, nodes]): Problem[] => {
    try {
      made.checkNeighbourhood(count)
      return []
    } catch (error) {
      if (!isRobustAggError(error)) throw error
      const who = nodes.length === 1 ? `node ${nodes[0]} has` : `nodes ${ranges(nodes)} have`
      const message = `${who} ${counted(count, 'neighbour')}: ${error.message}`
      return [{ path: [...path, ...assumptionPath(error, rule)], message }]
    }
  })
}

/**
 * Path of the parameter that sets how many attackers the rule or a pre-aggregator assumes; empty when there is none.
 */
function assumptionPath(error: RobustAggError, { name, params, pre }: ScenarioRule): Problem['path'] {
  if (!isRobustAggError(error, 'E_TOO_FEW_NODES')) return []
  const { step } = error.details
  if (step !== null) return 'f' in pre[step]!.params ? ['pre', step, 'params', 'f'] : ['pre', step]
  return error.details.rule === name && 'f' in params ? ['params', 'f'] : []
}

function checkCliques(graph: Topology, { data, topology, nodes }: Scenario): Problem[] {
  const { split } = data
  if (split.kind !== 'by-clique') return []
  const path = ['data', 'split']
  if (split.groups === undefined) {
    if (cliquesOf(topology, graph) !== undefined) return []
    const message = `${graph.name} has no distinct cliques; list them as groups`
    return [{ path, message }]
  }
  const named = split.groups.flat()
  const wrong = named.find((node) => node >= nodes)
  if (wrong !== undefined) return [{ path: [...path, 'groups'], message: `there is no node ${wrong}` }]
  return new Set(named).size === nodes && named.length === nodes
    ? []
    : [{ path: [...path, 'groups'], message: 'every node must be in exactly one group' }]
}

function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()]
}
