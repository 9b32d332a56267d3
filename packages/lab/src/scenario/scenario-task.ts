import { type DataSource, imageTask, loadData, type OpenTask, resolveTask } from '@tempered/train'
import { readInitial } from '../documents/initial.js'
import { givenTask } from '../documents/task-file.js'
import type { Scenario } from './schema.js'

/** The keys of a scenario that decide what is learnt, and from what. */
type TaskKeys = Pick<Scenario, 'task' | 'model' | 'data' | 'initial'>

/** A scenario's data, and the model that it begins with if it names one. */
export interface ScenarioSource extends DataSource {
  readonly initialParameters?: Float32Array
}

/** The model of a run that names neither a task nor a model. */
const DEFAULT_MODEL = 'mlp'

function ownTask(scenario: Pick<TaskKeys, 'task'>): OpenTask | undefined {
  const task = givenTask(scenario)
  return task === undefined ? undefined : resolveTask(task)
}

/** What a scenario's nodes learn: its task, or to classify the images of its data. Throws TrainError. */
export function scenarioTask(scenario: TaskKeys, data: DataSource): OpenTask {
  return ownTask(scenario) ?? imageTask(scenario.model ?? DEFAULT_MODEL, data.train)
}

/** Loads a scenario's data as numbers for its task, and its initial model. Throws DataError, TrainError, LabError. */
export async function loadScenarioSource(scenario: TaskKeys, cacheFolder: string): Promise<ScenarioSource> {
  const source = await loadData(scenario.data, cacheFolder, ownTask(scenario))
  if (scenario.initial === undefined) return source
  return { ...source, initialParameters: await readInitial(scenario.initial, scenarioTask(scenario, source)) }
}
