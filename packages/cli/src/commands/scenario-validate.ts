import { LabError } from '@tempered/lab'
import { loadScenario, loadScenarioData, planRun, variantsOf } from '@tempered/lab/scenario'
import { cacheFolder, DataError } from '@tempered/train'
import { renderScenario } from '../terminal/scenario-text.js'

/** `tempered scenario validate`: shows each scenario; exit code 2 when one has a mistake, 3 when only data are bad. */
export async function scenarioValidate(files: readonly string[]): Promise<void> {
  const bad: (LabError | DataError)[] = []
  for (const file of files) {
    try {
      const scenario = await loadScenario(file)
      const data = await loadScenarioData(file, scenario, cacheFolder())
      for (const variant of variantsOf(scenario)) planRun(variant.scenario, data)
      process.stdout.write(`${renderScenario(file, scenario, data).join('\n')}\n`)
    } catch (error) {
      if (!(error instanceof LabError || error instanceof DataError)) throw error
      bad.push(error)
    }
  }
  const [first] = bad
  if (first === undefined) return
  if (bad.length === 1) throw first
  const text = bad.map(({ message }) => message).join('\n')
  if (bad.every((error) => error instanceof DataError))
    throw new DataError(first.code as DataError['code'], text)
  const codes = new Set(bad.map(({ code }) => code))
  throw new LabError(codes.size === 1 ? (first.code as LabError['code']) : 'E_CONFIG', text)
}
