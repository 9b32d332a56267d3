import { type DataSource, imageTask, loadData, type OpenTask, resolveTask } from '@tempered/train'
import { givenTask } from '../documents/task-file.js'
import type { Scenario } from './schema.js'

/** The keys of a scenario that decide what is learnt, and from what. */
type TaskKeys = Pick<Scenario, 'task' | 'model' | 'data'>

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

/** Loads a scenario's data as numbers for its task. Throws DataError, TrainError. */
export async function loadScenarioSource(scenario: TaskKeys, cacheFolder: string): Promise<DataSource> {
  return loadData(scenario.data, cacheFolder, ownTask(scenario))
}
