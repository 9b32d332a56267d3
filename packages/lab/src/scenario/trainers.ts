import { listAttacks } from '@tempered/robust-agg/attacks'
import { initialProcessParameters, type OpenTask, type TrainerDeadlines } from '@tempered/train'
import type { Problem } from '../documents/problem.js'
import { NODE_PLACEHOLDER } from '../documents/trainer-schema.js'
import { LabError } from '../errors.js'
import { ranges } from '../text/ranges.js'
import type { Scenario } from './schema.js'

/** How a node's own trainer is started. Plain data: it is sent to worker processes. */
export interface PlannedTrainer {
  readonly command: readonly string[]
  readonly cwd: string
  readonly attempts: number
  readonly deadlines: Partial<TrainerDeadlines>
}

export interface PlacedTrainers {
  /** By index of a node: the index of its entry in `trainers`. */
  readonly entryOf: ReadonlyMap<number, number>
  readonly problems: readonly Problem[]
}

/** Which nodes train in a process of their own. Contradictions become problems. */
export function placeTrainers({
  trainers = [],
  nodes,
}: Pick<Scenario, 'trainers' | 'nodes'>): PlacedTrainers {
  const entryOf = new Map<number, number>()
  const problems: Problem[] = []
  trainers.forEach((entry, k) => {
    entry.nodes?.forEach((index, at) => {
      const path = ['trainers', k, 'nodes', at]
      const taken = entryOf.get(index)
      if (index >= nodes) problems.push({ path, message: `there is no node ${index} (0 … ${nodes - 1})` })
      else if (taken === k) problems.push({ path, message: `node ${index} is named twice` })
      else if (taken !== undefined)
        problems.push({ path, message: `node ${index} has two trainers; trainers.${taken} names it too` })
      else entryOf.set(index, k)
    })
  })
  const general = trainers.flatMap((entry, k) => (entry.nodes === undefined ? [k] : []))
  if (general.length > 1) {
    const message = `trainers.${general[0]} is for all other nodes already; say here for which nodes this one is`
    problems.push({ path: ['trainers', general[1]!], message })
  }
  const [others] = general
  if (others !== undefined)
    for (let index = 0; index < nodes; index++) if (!entryOf.has(index)) entryOf.set(index, others)
  return { entryOf, problems }
}

/**
 * Every mistake of the trainers: which nodes they name, and attackers that would have to poison data that only a trainer
 * has.
 *
 * @param attacks index of the entry in `adversaries`, by index of the attacking node
 */
export function checkTrainers(
  scenario: Pick<Scenario, 'trainers' | 'nodes' | 'adversaries'>,
  attacks: ReadonlyMap<number, number>,
): Problem[] {
  const { entryOf, problems } = placeTrainers(scenario)
  const isOnData = (name: string | undefined): boolean =>
    listAttacks().some((info) => info.name === name && info.kind === 'data')
  const impossible = scenario.adversaries.flatMap((entry, k) => {
    const nodes = [...attacks].flatMap(([index, at]) => (at === k && entryOf.has(index) ? [index] : []))
    if (nodes.length === 0) return []
    const who =
      nodes.length === 1
        ? `node ${nodes[0]} trains in a process with data of its own`
        : `nodes ${ranges(nodes.sort((one, other) => one - other))} train in processes with data of their own`
    return (['attack', 'poison'] as const).flatMap((key): Problem[] => {
      if (!isOnData(entry[key]?.name)) return []
      const message =
        `${entry[key]?.name} poisons training data, but ${who}; ` +
        'let other nodes attack, choose an attack on models, or poison the data in the trainer'
      return [{ path: ['adversaries', k, key], message }]
    })
  })
  return [...problems, ...impossible]
}

/** The trainer of each node that has one, by index. */
export function plannedTrainers(
  scenario: Pick<Scenario, 'trainers' | 'nodes'>,
): ReadonlyMap<number, PlannedTrainer> {
  const planned = [...placeTrainers(scenario).entryOf].map(([index, k]): [number, PlannedTrainer] => {
    const { command, cwd = process.cwd(), attempts, deadlines } = scenario.trainers![k]!
    return [
      index,
      {
        command: command.map((part) => part.replaceAll(NODE_PLACEHOLDER, String(index))),
        cwd,
        attempts,
        deadlines: Object.fromEntries(
          Object.entries(deadlines).filter(([, value]) => value !== undefined),
        ) as Partial<TrainerDeadlines>,
      },
    ]
  })
  return new Map(planned)
}

/** Throws E_CONFIG unless every node of a scenario whose model only trainers know has one. */
export function requireTrainers(
  scenario: Pick<Scenario, 'trainers' | 'nodes'>,
  { task }: Pick<OpenTask, 'task'>,
): void {
  const { entryOf } = placeTrainers(scenario)
  const without = Array.from({ length: scenario.nodes }, (_, index) => index).filter(
    (index) => !entryOf.has(index),
  )
  if (without.length === 0) return
  const who = without.length === 1 ? `node ${without[0]} has` : `nodes ${ranges(without)} have`
  throw new LabError(
    'E_CONFIG',
    `the model of task ${task.name} is known only to processes that train it, but ${who} none; ` +
      'add an entry without `nodes` under `trainers`, which is for all other nodes',
  )
}

/**
 * The parameters with which the trainer of the first node that has one begins, under a seed. Its process is started for
 * this, with the index of no node, and ends afterwards. Throws what the process fails with.
 */
export async function trainerParameters(
  scenario: Pick<Scenario, 'trainers' | 'nodes'>,
  task: OpenTask,
  seed: number,
): Promise<Float32Array> {
  const planned = plannedTrainers(scenario)
  const first = planned.get(Math.min(...planned.keys()))!
  return initialProcessParameters({ ...first, task, nodeId: -1, seed, onLog: () => undefined })
}
