import { readTaskModel } from '@tempered/train/import'
import type { z } from 'zod'
import type { Problem } from '../documents/problem.js'
import type { DataKeys } from '../documents/task-file.js'
import { LabError } from '../errors.js'
import { checkLab } from '../matrix/lab-checks.js'
import { type Lab, labSchema } from '../matrix/lab-schema.js'
import { loadLab } from '../matrix/load-lab.js'
import { resolveModules } from '../plugins/resolve-modules.js'
import { loadScenario } from '../scenario/load-scenario.js'
import { checkScenario } from '../scenario/scenario-checks.js'
import { type Scenario, type ScenarioInput, scenarioSchema } from '../scenario/schema.js'

/** A lab as written, before defaults. */
export type LabInput = z.input<typeof labSchema>

/** A scenario from a file, or from an object; modules of an object are relative to the working directory. */
export async function readScenario(scenario: string | ScenarioInput): Promise<Scenario> {
  if (typeof scenario === 'string') return loadScenario(scenario)
  return withTaskModel(await readObject(scenario, scenarioSchema, checkScenario, 'scenario'))
}

/** A lab from a file, or from an object. */
export async function readLab(lab: string | LabInput): Promise<Lab> {
  if (typeof lab === 'string') return loadLab(lab)
  const read = await readObject(lab, labSchema, checkLab, 'lab')
  return { ...read, scenario: await withTaskModel(read.scenario) }
}

/** A `layersModel` in the task of an object is relative to the working directory, as its modules are. */
async function withTaskModel<T extends DataKeys>(keys: T): Promise<T> {
  if (keys.task === undefined || typeof keys.task === 'string') return keys
  const { task, initial } = await readTaskModel(keys.task, process.cwd())
  return { ...keys, task, ...(initial === undefined || keys.initial !== undefined ? {} : { initial }) }
}

async function readObject<S extends z.ZodType>(
  input: unknown,
  schema: S,
  check: (value: z.output<S>, raw: unknown) => readonly Problem[],
  what: string,
): Promise<z.output<S>> {
  const { value, problems } = await resolveModules(input, process.cwd())
  const parsed = schema.safeParse(value)
  const found = [
    ...problems,
    ...(parsed.success
      ? check(parsed.data, value)
      : parsed.error.issues.map(({ path, message }) => ({ path: path as Problem['path'], message }))),
  ]
  if (parsed.success && found.length === 0) return parsed.data
  const lines = found.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  )
  throw new LabError('E_CONFIG', `${what}: ${lines.join('; ')}`)
}
