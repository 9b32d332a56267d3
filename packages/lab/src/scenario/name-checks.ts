import { nearestName } from '@tempered/errors'
import { createRunRule } from '@tempered/node'
import { isRobustAggError } from '@tempered/robust-agg'
import { createAttack } from '@tempered/robust-agg/attacks'
import { createTopology, type TopologySpec } from '@tempered/robust-agg/topology'
import { isLedgerAttack, LEDGER_ATTACKS } from '../adversary/ledger-attacks.js'
import type { Problem } from '../documents/problem.js'
import type { ScenarioRule } from './schema.js'

type Params = Readonly<Record<string, number>>
type Path = Problem['path']

/**
 * Every unknown name and every parameter that is unknown, missing or out of range, each at its own place. Calls `make`
 * again without each parameter that it refused, until it reports nothing more.
 */
function tryOut(path: Path, given: Params, make: (params: Params) => unknown): Problem[] {
  const problems: Problem[] = []
  let params = given
  for (;;) {
    try {
      make(params)
      return problems
    } catch (error) {
      const { code, details, message } = error as {
        code?: string
        details?: { parameter?: string }
        message: string
      }
      if (code === undefined) throw error
      // It is missing only because it was refused before.
      if (code === 'E_MISSING_PARAMETER' && problems.length > 0) return problems
      const refused = details?.parameter
      if (refused === undefined || !Object.hasOwn(params, refused)) {
        const at = code.startsWith('E_UNKNOWN_') ? [...path, 'name'] : path
        return [...problems, { path: at, message }]
      }
      problems.push({ path: [...path, 'params', refused], message })
      const { [refused]: _, ...rest } = params
      params = rest
    }
  }
}

/** Checks a rule and its pre-aggregators on their own. Whether they work on the topology is checked elsewhere. */
export function checkRule(rule: ScenarioRule, path: Path): Problem[] {
  const problems = tryOut(path, rule.params, (params) => createRunRule({ ...rule, params, pre: [] }))
  const bearer = problems.length === 0 ? rule : { name: 'average', params: {} }
  rule.pre.forEach((pre, k) => {
    problems.push(
      ...tryOut([...path, 'pre', k], pre.params, (params) =>
        createRunRule({ ...bearer, pre: [{ name: pre.name, params }] }),
      ),
    )
  })
  return problems
}

export function checkAttack(attack: { name: string; params: Params }, path: Path): Problem[] {
  if (isLedgerAttack(attack.name)) {
    return Object.keys(attack.params).map((parameter) => ({
      path: [...path, 'params', parameter],
      message: `attack '${attack.name}' has no parameters`,
    }))
  }
  const ledgerNames = Object.keys(LEDGER_ATTACKS)
  const ledgerName = nearestName(attack.name, ledgerNames)
  return tryOut(path, attack.params, (params) => createAttack(attack.name, params)).map((problem) =>
    problem.path.at(-1) !== 'name'
      ? problem
      : {
          ...problem,
          message:
            ledgerName === undefined
              ? `${problem.message} On the ledger, a chain or private rounds: ${ledgerNames.join(', ')}.`
              : `no attack is called '${attack.name}'. Did you mean '${ledgerName}'?`,
        },
  )
}

/**
 * Checks a topology for a number of nodes and one seed. Mistakes in its shape are reported at `topology.edges` where it
 * has edges.
 */
export function checkTopology(
  { topology, nodes }: { topology: TopologySpec & { params: Params }; nodes: number },
  seed: number,
): Problem[] {
  const { name, edges } = topology
  return tryOut(['topology'], topology.params, (params) => {
    try {
      createTopology({ name, params, edges }, nodes, seed)
    } catch (error) {
      // Once a parameter has been refused, the graph is not checked.
      if (isRobustAggError(error, 'E_TOPOLOGY') && params !== topology.params) return
      throw error
    }
  }).map((problem) =>
    problem.path.length === 1 && edges !== undefined ? { ...problem, path: ['topology', 'edges'] } : problem,
  )
}
