import type { Topology } from '@tempered/robust-agg/topology'
import type { Problem } from '../documents/problem.js'
import type { ScenarioFault } from './fault-schema.js'

export interface FaultContext {
  readonly nodes: number
  readonly rounds: number
  /** undefined when it could not be built; links are then not checked. */
  readonly topology: Topology | undefined
  /** Indices of honest nodes. At least one must always be present, since faults wait for what they publish. */
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

/** Every impossible fault of a timeline, with its place in the scenario. */
export function checkFaults(faults: readonly ScenarioFault[], context: FaultContext): Problem[] {
  const checker = createChecker(faults, context)
  if (!checker.isAnyHonestUp())
    checker.report(['faults'], 'every honest node joins later, so none is present at the start')
  const inOrder = faults
    .map((fault, k) => ({ fault, path: ['faults', k] }))
    .sort((a, b) => a.fault.at - b.fault.at)
  for (const { fault, path } of inOrder) {
    if (fault.at > context.rounds)
      checker.report([...path, 'at'], `round ${fault.at} is after the last one, ${context.rounds}`)
    for (const step of STEP_NAMES) checker.step(fault, step, path)
    if (!checker.isAnyHonestUp()) checker.report(path, 'no honest node is left, so no round would ever end')
    checker.slowTrainer(fault, path)
    checker.partition(fault, path)
    checker.slowLink(fault, path)
  }
  return checker.problems
}

type Path = Problem['path']

/** Follows through a timeline which nodes are up and which partition is in force, and collects contradictions. */
function createChecker(faults: readonly ScenarioFault[], { nodes, honest, topology }: FaultContext) {
  const problems: Problem[] = []
  const states = new Map<number, State>()
  for (const fault of faults) for (const node of fault.join ?? []) states.set(node, 'absent')
  const stateOf = (node: number): State => states.get(node) ?? 'up'
  /** Round of the partition in force. */
  let parted: number | undefined

  const report = (path: Path, message: string): void => void problems.push({ path, message })

  /** Returns the indices that are nodes. Reports the others, and nodes that are named twice. */
  const known = (list: readonly number[], path: Path, seen = new Set<number>()): number[] =>
    list.flatMap((node, k) => {
      if (node >= nodes) {
        report([...path, k], `there is no node ${node} (0 … ${nodes - 1})`)
        return []
      }
      if (seen.has(node)) report([...path, k], `node ${node} is named twice`)
      seen.add(node)
      return [node]
    })

  return {
    problems,
    report,
    isAnyHonestUp: () => honest.length === 0 || honest.some((node) => stateOf(node) === 'up'),
    step(fault: ScenarioFault, step: Step, path: Path): void {
      for (const node of known(fault[step] ?? [], [...path, step])) {
        const state = stateOf(node)
        if (state !== STEPS[step].from) {
          const at = [...path, step, fault[step]!.indexOf(node)]
          report(at, `node ${node} ${WORDS[state]} in round ${fault.at}${HINTS[step]}`)
        }
        states.set(node, STEPS[step].to)
      }
    },
    slowTrainer({ at, slowTrainer }: ScenarioFault, path: Path): void {
      const place = [...path, 'slowTrainer', 'nodes']
      for (const node of known(slowTrainer?.nodes ?? [], place)) {
        if (stateOf(node) !== 'left') continue
        report([...place, slowTrainer!.nodes.indexOf(node)], `node ${node} ${WORDS.left} in round ${at}`)
      }
    },
    partition({ at, partition, heal }: ScenarioFault, path: Path): void {
      if (partition !== undefined) {
        const seen = new Set<number>()
        partition.forEach((group, k) => void known(group, [...path, 'partition', k], seen))
        if (parted !== undefined)
          report(path, `the partition of round ${parted} is still in force; heal it before the next one`)
        parted = at
      }
      if (heal === true) {
        if (parted === undefined) report([...path, 'heal'], 'there is no partition to heal')
        parted = undefined
      }
    },
    slowLink({ slowLink }: ScenarioFault, path: Path): void {
      if (slowLink === undefined) return
      const [a, b] = slowLink.between
      const at = [...path, 'slowLink', 'between']
      if (known([a, b], at).length < 2 || a === b || topology === undefined) return
      if (!topology.neighbours(a).includes(b)) report(at, `nodes ${a} and ${b} are not neighbours`)
    },
  }
}

const HINTS: Readonly<Record<Step, string>> = {
  kill: '; only running nodes can be killed',
  restart: '; only killed nodes restart',
  join: '; a node joins once, and is absent until then',
  leave: '; only running nodes can leave',
}
