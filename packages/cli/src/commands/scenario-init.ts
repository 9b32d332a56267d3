import { access } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { parseText } from '@tempered/lab/documents'
import {
  checkScenario,
  scenarioJsonSchema,
  scenarioSchema,
  scenarioTemplate,
  type TemplateName,
} from '@tempered/lab/scenario'
import { errorMessage, writeFileAtomic } from '@tempered/node'
import { makeFolder } from '@tempered/train'
import { CliError } from '../errors.js'

export interface ScenarioInitOptions {
  readonly template: TemplateName
  readonly force?: boolean
}

const SCHEMA_FILE = 'scenario.schema.json'

/**
 * `tempered scenario init`: a commented scenario and its JSON Schema; an existing scenario is overwritten only with
 * --force.
 */
export async function scenarioInit(file: string, { template, force }: ScenarioInitOptions): Promise<void> {
  if (!/\.ya?ml$/.test(file))
    throw new CliError('E_USAGE', `${file}: init writes YAML with comments; choose a name that ends in .yaml`)
  const exists = await access(file).then(
    () => true,
    () => false,
  )
  if (exists && force !== true)
    throw new CliError('E_USAGE', `${file} already exists; choose another name, or --force to overwrite it`)
  const stem = basename(file, extname(file))
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
  const name = stem.replace(/^-+/, '').slice(0, 63) || 'scenario'
  const text = scenarioTemplate(template, name, `./${SCHEMA_FILE}`)
  parseText(file, text, scenarioSchema, { check: checkScenario })
  try {
    await makeFolder(dirname(file))
    await writeFileAtomic(join(dirname(file), SCHEMA_FILE), scenarioJsonSchema())
    await writeFileAtomic(file, text)
  } catch (error) {
    throw new CliError('E_FILE', `${file}: ${errorMessage(error)}`, { file }, error)
  }
  process.stderr.write(
    `created ${file}, and ${join(dirname(file), SCHEMA_FILE)} for your editor\n` +
      `next: ./tempered scenario validate ${file}   then: ./tempered scenario run ${file}\n`,
  )
}
