import { dirname } from 'node:path'
import { createTopology } from '@tempered/robust-agg/topology'
import { DataError, type DataSource, partition, splitLabels, TrainError } from '@tempered/train'
import { loadKind } from '../documents/file-kind.js'
import { readInitial } from '../documents/initial.js'
import { documentError, documentPlace, loadDocument } from '../documents/load-document.js'
import { resolveDataKeys } from '../documents/task-file.js'
import { LabError } from '../errors.js'
import { prepareModules } from '../plugins/resolve-modules.js'
import { scenarioPartition } from './data-split.js'
import { checkScenario, INDEPENDENT_KEYS } from './scenario-checks.js'
import {
  beginningWith,
  loadScenarioSamples,
  loadScenarioSource,
  requireEveryTrainer,
  type ScenarioSource,
  scenarioTask,
} from './scenario-task.js'
import { type Scenario, scenarioSchema } from './schema.js'

/**
 * Reads a scenario file and checks everything that does not need its data. Data and a task file in it are relative to the file.
 * Throws E_FILE, or E_CONFIG with every mistake on a line `file:line:column: what`.
 */
export async function loadScenario(file: string): Promise<Scenario> {
  const scenario = await loadKind('scenario', file, () =>
    loadDocument(file, scenarioSchema, {
      check: checkScenario,
      independent: INDEPENDENT_KEYS,
      prepare: prepareModules(dirname(file)),
    }),
  )
  return resolveDataKeys(file, scenario)
}

/**
 * Loads what a scenario's runs need, and tries its model and, with every seed, its split on the data. Throws E_CONFIG with
 * the place in the file, DataError for the data as such, and what a trainer process fails with that is asked for the parameters to begin with.
 */
export async function loadScenarioData(
  file: string,
  scenario: Scenario,
  cacheFolder: string,
): Promise<ScenarioSource> {
  await locateErrors(file, [scenario.trainers === undefined ? 'task' : 'trainers'], async () =>
    requireEveryTrainer(scenario),
  )
  const source = await loadScenarioSamples(scenario, cacheFolder).catch((error: unknown) =>
    atSource(file, error),
  )
  const task = await locateErrors(file, [scenario.task === undefined ? 'model' : 'task'], async () =>
    scenarioTask(scenario, source),
  )
  const { train } = source
  if (train !== undefined)
    await locateErrors(file, ['data', 'split'], async () => {
      for (const seed of scenario.seeds) dealtSamples(scenario, seed, { train })
    })
  const { initial } = scenario
  if (initial === undefined) return loadScenarioSource(scenario, cacheFolder)
  return beginningWith(source, await locateErrors(file, ['initial'], () => readInitial(initial, task)))
}

/** Indices of the training samples of each node under one seed. Throws DataError. */
export function dealtSamples(
  scenario: Scenario,
  seed: number,
  { train }: Pick<DataSource, 'train'>,
): Uint32Array[] {
  const graph = createTopology(scenario.topology, scenario.nodes, seed)
  const scheme = scenarioPartition(scenario, graph)
  return partition({ ...splitLabels(train), nodes: scenario.nodes, scheme, seed })
}

async function locateErrors<T>(file: string, path: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isPlaceless(error)) throw error
    throw await documentError(file, [{ path, message: error.message }])
  }
}

/** Throws what is wrong with the data, and where the file names them. */
async function atSource(file: string, error: unknown): Promise<never> {
  const path = ['data', 'source']
  if (error instanceof DataError)
    error.message += ` (named at ${await documentPlace(file, path)}, ${path.join('.')})`
  else if (isPlaceless(error)) throw await documentError(file, [{ path, message: error.message }])
  throw error
}

/** Whether an error is about what the file names, without saying where. */
function isPlaceless(error: unknown): error is Error {
  if (error instanceof LabError) return error.code === 'E_CONFIG'
  return error instanceof DataError || error instanceof TrainError
}
