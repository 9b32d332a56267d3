import { join, relative } from 'node:path'
import { counted } from '@tempered/errors'
import { temperedVersion } from '@tempered/lab'
import { loadScenarioData, planRun, type Scenario, variantsOf } from '@tempered/lab/scenario'
import { randomIdentity } from '@tempered/node'
import { cacheFolder } from '@tempered/train'
import { machineSet } from '../machines/machine-set.js'
import { writeMachines } from '../machines/write-machines.js'

export interface ScenarioMachinesOptions {
  readonly out: string
  /** Each `node-or-index=host:port`. */
  readonly address?: readonly string[]
  readonly freshKeys?: boolean
  readonly force?: boolean
  readonly image?: string
  readonly json?: boolean
}

/**
 * `tempered scenario run --stage hosts`: writes a folder per node for separate machines, and manifests for Docker
 * Compose and Kubernetes. It emits the scenario itself, with its first rule and first seed; nothing runs.
 */
export async function scenarioMachines(
  file: string,
  whole: Scenario,
  options: ScenarioMachinesOptions,
): Promise<void> {
  const { scenario } = variantsOf(whole)[0]!
  const data = await loadScenarioData(file, scenario, cacheFolder())
  const freshKeys = options.freshKeys === true
  const identities = freshKeys ? Array.from({ length: scenario.nodes }, randomIdentity) : undefined
  const plan = planRun(scenario, data, identities)
  const set = machineSet(plan, options.address ?? [])
  const folder = join(options.out, `${scenario.name}-hosts`)
  const image = options.image ?? `tempered:${temperedVersion()}`
  await writeMachines({ folder, set, whole, freshKeys, image, force: options.force === true })
  const shown = relative('.', folder) || '.'
  const names = plan.nodes.map(({ name }) => name)
  if (options.json)
    process.stdout.write(`${JSON.stringify({ folder: shown, run: plan.run.id.toString(), hosts: names })}\n`)
  process.stderr.write(
    `created ${shown}: ${counted(names.length, 'host')}, ${names[0]} to ${names.at(-1)}\n` +
      (freshKeys
        ? ''
        : 'keys are derived from the seed and protect nothing; --fresh-keys draws random ones\n') +
      `next: ${join(shown, 'README.md')} says how to start them\n`,
  )
}
