import { dirname } from 'node:path'
import { createTopology } from '@tempered/robust-agg/topology'
import { DataError, type DataSource, partition, splitLabels, TrainError } from '@tempered/train'
import { loadKind } from '../documents/file-kind.js'
import { readInitial } from '../documents/initial.js'
import { documentError, loadDocument } from '../documents/load-document.js'
import { resolveDataKeys } from '../documents/task-file.js'
import { prepareModules } from '../plugins/resolve-modules.js'
import { scenarioPartition } from './data-split.js'
import { checkScenario, INDEPENDENT_KEYS } from './scenario-checks.js'
import { loadScenarioSource, type ScenarioSource, scenarioTask } from './scenario-task.js'
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

/** Loads a scenario's data and tries its model and, with every seed, its split on them. Throws E_CONFIG with the place in the file. */
export async function loadScenarioData(
  file: string,
  scenario: Scenario,
  cacheFolder: string,
): Promise<ScenarioSource> {
  const { initial, ...others } = scenario
  const source = await locateDataErrors(file, ['data', 'source'], () =>
    loadScenarioSource(others, cacheFolder),
  )
  await locateDataErrors(file, [scenario.task === undefined ? 'model' : 'task'], async () => {
    scenarioTask(scenario, source)
  })
  await locateDataErrors(file, ['data', 'split'], async () => {
    for (const seed of scenario.seeds) dealtSamples(scenario, seed, source)
  })
  if (initial === undefined) return source
  const initialParameters = await locateDataErrors(file, ['initial'], () =>
    readInitial(initial, scenarioTask(scenario, source)),
  )
  return { ...source, initialParameters }
}

/** Indices of the training samples of each node under one seed. Throws DataError. */
export function dealtSamples(scenario: Scenario, seed: number, { train }: DataSource): Uint32Array[] {
  const graph = createTopology(scenario.topology, scenario.nodes, seed)
  const scheme = scenarioPartition(scenario, graph)
  return partition({ ...splitLabels(train), nodes: scenario.nodes, scheme, seed })
}

async function locateDataErrors<T>(
  file: string,
  path: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof DataError || error instanceof TrainError)) throw error
    throw await documentError(file, [{ path, message: error.message }])
  }
}
