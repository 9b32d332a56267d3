import { type DataSource, imageTask, loadData, type OpenTask, resolveTask } from '@tempered/train'
import { readInitial } from '../documents/initial.js'
import { givenTask } from '../documents/task-file.js'
import type { Scenario } from './schema.js'
import { placeTrainers, requireTrainers, trainerParameters } from './trainers.js'

/** The keys of a scenario that decide what is learnt, and from what. */
type TaskKeys = Pick<Scenario, 'task' | 'model' | 'data' | 'nodes' | 'trainers'>

/** What a run needs before it is planned. Without samples where no node uses any: see {@link usesData}. */
export interface ScenarioSource extends Partial<DataSource> {
  /** The parameters with which the run of a seed begins; left out where the seed draws them. */
  initialParameters?(seed: number): Float32Array
}

/** The model of a run that names neither a task nor a model. */
const DEFAULT_MODEL = 'mlp'

function ownTask(scenario: Pick<TaskKeys, 'task'>): OpenTask | undefined {
  const task = givenTask(scenario)
  return task === undefined ? undefined : resolveTask(task)
}

/**
 * Whether anything is taken from `data`: not where every node trains in a process with data of its own and a task says
 * what is learnt.
 */
export function usesData(scenario: Pick<TaskKeys, 'task' | 'nodes' | 'trainers'>): boolean {
  return scenario.task === undefined || placeTrainers(scenario).entryOf.size < scenario.nodes
}

/** Throws E_CONFIG where the model of the task is known only to trainers, and a node has none. */
export function requireEveryTrainer(scenario: TaskKeys): void {
  const task = ownTask(scenario)
  if (task !== undefined && task.model === undefined) requireTrainers(scenario, task)
}

/** What a scenario's nodes learn: its task, or to classify the images of its data. Throws TrainError. */
export function scenarioTask(
  scenario: Pick<TaskKeys, 'task' | 'model'>,
  { train }: Partial<DataSource>,
): OpenTask {
  // Without a task, data are always used.
  return ownTask(scenario) ?? imageTask(scenario.model ?? DEFAULT_MODEL, train as DataSource['train'])
}

/**
 * Loads a scenario's data as numbers for its task, if it uses any. A notice says when data that it names are not used.
 * Throws DataError, TrainError, LabError.
 */
export async function loadScenarioSamples(
  scenario: TaskKeys,
  cacheFolder: string,
): Promise<Partial<DataSource>> {
  const { data } = scenario
  if (usesData(scenario)) return loadData(data, cacheFolder, ownTask(scenario))
  // The default, which the scenario need not have named.
  if (data.source === 'mnist') return {}
  return {
    notices: [`data.source ${data.source} is not used: every node has a trainer with data of its own`],
  }
}

/**
 * The same with the parameters that its runs begin with: those of `initial`; or, of a model that only trainers know,
 * those that the trainer of the first node names for each seed. Throws also E_CONFIG where such a model has nodes without
 * a trainer, and what a trainer process fails with.
 */
export async function loadScenarioSource(
  scenario: TaskKeys & Pick<Scenario, 'initial' | 'seeds'>,
  cacheFolder: string,
): Promise<ScenarioSource> {
  const { initial, seeds } = scenario
  requireEveryTrainer(scenario)
  const source = await loadScenarioSamples(scenario, cacheFolder)
  const task = scenarioTask(scenario, source)
  if (initial !== undefined) return beginningWith(source, await readInitial(initial, task))
  if (task.model !== undefined) return source
  const bySeed = new Map<number, Float32Array>()
  for (const seed of seeds) bySeed.set(seed, await trainerParameters(scenario, task, seed))
  return { ...source, initialParameters: (seed) => bySeed.get(seed) as Float32Array }
}

/**
 * As {@link loadScenarioSource}, but once for all scenarios that need the same, such as the cells of a lab: a trainer is
 * asked once for the parameters of a seed.
 */
export function createSourceLoader(
  cacheFolder: string,
): (scenario: Parameters<typeof loadScenarioSource>[0]) => Promise<ScenarioSource> {
  const loaded = new Map<string, Promise<ScenarioSource>>()
  return (scenario) => {
    const { task, model, data, nodes, trainers, initial, seeds } = scenario
    const { split: _, ...samples } = data
    const key = JSON.stringify({ task, model, samples, nodes, trainers, initial, seeds })
    const known = loaded.get(key)
    if (known !== undefined) return known
    const source = loadScenarioSource(scenario, cacheFolder)
    loaded.set(key, source)
    source.catch(() => loaded.delete(key))
    return source
  }
}

/** A source whose runs begin with these parameters under every seed. */
export function beginningWith(source: ScenarioSource, parameters: Float32Array): ScenarioSource {
  return { ...source, initialParameters: () => parameters }
}
