import { dirname, resolve } from 'node:path'
import { loadDocument } from '../config/load-document.js'
import { checkScenario } from './scenario-checks.js'
import { type Scenario, scenarioSchema } from './schema.js'

/**
 * Reads a scenario file and checks all of it that can be checked without its data. A data folder in it is relative to
 * the file. Throws E_FILE, or E_CONFIG with every mistake on a line `file:line:column: what`.
 */
export async function loadScenario(file: string): Promise<Scenario> {
  const scenario = await loadDocument(file, scenarioSchema, checkScenario)
  const { source } = scenario.data
  if (source === 'mnist') return scenario
  return { ...scenario, data: { ...scenario.data, source: resolve(dirname(file), source) } }
}
