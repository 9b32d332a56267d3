import type { Topology } from '@tempered/robust-agg/topology'
import type { Problem } from '../documents/problem.js'
import type { ScenarioFault } from './fault-schema.js'

export interface FaultContext {
  readonly nodes: number
  readonly rounds: number
  /** undefined when it could not be made: then nothing is said of links. */
  readonly topology: Topology | undefined
  /** Indices of honest nodes: one of them must always be there, since faults wait for what they publish. */
  readonly honest: readonly number[]
}

type State = 'up' | 'killed' | 'absent' | 'left'

const WORDS: Readonly<Record<State, string>> = {
  up: 'is running',
  killed: 'has been killed',
  absent: 'has not joined yet',
  left: 'has left for good',
}

/** What a node must be before an action, and what it is after it. */
const STEPS = {
  kill: { from: 'up', to: 'killed' },
  restart: { from: 'killed', to: 'up' },
  join: { from: 'absent', to: 'up' },
  leave: { from: 'up', to: 'left' },
} as const satisfies Record<string, { from: State; to: State }>

type Step = keyof typeof STEPS
const STEP_NAMES = Object.keys(STEPS) as Step[]

/** Everything about a fault timeline that cannot be, with its place in the scenario. */
export function checkFaults(faults: readonly ScenarioFault[], context: FaultContext): Problem[] {
  const { nodes, rounds, honest } = context
  const problems: Problem[] = []
  const states = new Map<number, State>()
  for (const fault of faults) for (const node of fault.join ?? []) states.set(node, 'absent')
  const stateOf = (node: number): State => states.get(node) ?? 'up'
  let parted: number | undefined
  if (honest.length > 0 && !honest.some((node) => stateOf(node) === 'up'))
    problems.push({
      path: ['faults'],
      message: 'every honest node joins later, and nobody is there to begin',
    })

  /** Indices that are nodes, each once; the others are problems. */
  const checked = (list: readonly number[], path: Problem['path'], seen = new Set<number>()): number[] =>
    list.flatMap((node, k) => {
      if (node >= nodes) {
        problems.push({ path: [...path, k], message: `there is no node ${node} (0 … ${nodes - 1})` })
        return []
      }
      if (seen.has(node)) problems.push({ path: [...path, k], message: `node ${node} is named twice` })
      seen.add(node)
      return [node]
    })

  const inOrder = faults
    .map((fault, k) => ({ fault, path: ['faults', k] }))
    .sort((a, b) => a.fault.at - b.fault.at)
  for (const { fault, path } of inOrder) {
    if (fault.at > rounds) {
      problems.push({ path: [...path, 'at'], message: `round ${fault.at} is after the last one, ${rounds}` })
    }
    for (const step of STEP_NAMES) {
      for (const node of checked(fault[step] ?? [], [...path, step])) {
        const state = stateOf(node)
        const at = [...path, step, fault[step]!.indexOf(node)]
        if (state !== STEPS[step].from)
          problems.push({
            path: at,
            message: `node ${node} ${WORDS[state]} in round ${fault.at}${HINTS[step]}`,
          })
        states.set(node, STEPS[step].to)
      }
    }
    if (honest.length > 0 && !honest.some((node) => stateOf(node) === 'up')) {
      problems.push({ path, message: 'no honest node is left, and nothing would ever go on' })
    }
    for (const node of checked(fault.slowTrainer?.nodes ?? [], [...path, 'slowTrainer', 'nodes'])) {
      if (stateOf(node) !== 'left') continue
      const at = [...path, 'slowTrainer', 'nodes', fault.slowTrainer!.nodes.indexOf(node)]
      problems.push({ path: at, message: `node ${node} ${WORDS.left} in round ${fault.at}` })
    }
    if (fault.partition !== undefined) {
      const seen = new Set<number>()
      fault.partition.forEach((group, k) => void checked(group, [...path, 'partition', k], seen))
      if (parted !== undefined)
        problems.push({
          path,
          message: `the partition of round ${parted} stands; heal it before the next one`,
        })
      parted = fault.at
    }
    if (fault.heal === true) {
      if (parted === undefined)
        problems.push({ path: [...path, 'heal'], message: 'there is no partition to heal' })
      parted = undefined
    }
    if (fault.slowLink !== undefined) {
      const [a, b] = fault.slowLink.between
      const at = [...path, 'slowLink', 'between']
      if (checked([a, b], at).length < 2 || a === b) continue
      if (context.topology !== undefined && !context.topology.neighbours(a).includes(b))
        problems.push({ path: at, message: `nodes ${a} and ${b} are no neighbours` })
    }
  }
  return problems
}

const HINTS: Readonly<Record<Step, string>> = {
  kill: '; only running nodes can be killed',
  restart: '; only killed nodes restart',
  join: '; a node joins once, and is absent until then',
  leave: '; only running nodes can leave',
}
