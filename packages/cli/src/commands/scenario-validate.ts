import { LabError } from '@tempered/lab'
import { loadScenario, loadScenarioData, planRun, variantsOf } from '@tempered/lab/scenario'
import { cacheFolder } from '@tempered/train'
import { renderScenario } from '../terminal/scenario-text.js'

/** `tempered scenario validate`: shows each scenario; exit code 2 when one has a mistake. */
export async function scenarioValidate(files: readonly string[]): Promise<void> {
  const bad: LabError[] = []
  for (const file of files) {
    try {
      const scenario = await loadScenario(file)
      const data = await loadScenarioData(file, scenario, cacheFolder())
      for (const variant of variantsOf(scenario)) planRun(variant.scenario, data)
      process.stdout.write(`${renderScenario(file, scenario, data).join('\n')}\n`)
    } catch (error) {
      if (!(error instanceof LabError)) throw error
      bad.push(error)
    }
  }
  if (bad.length > 0) {
    const codes = new Set(bad.map(({ code }) => code))
    const code = codes.size === 1 ? bad[0]!.code : 'E_CONFIG'
    throw new LabError(code, bad.map(({ message }) => message).join('\n'))
  }
}
