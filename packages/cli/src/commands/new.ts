import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { labTemplate } from '@tempered/lab/matrix'
import { loadModule, type PluginKind, pluginTemplate } from '@tempered/lab/plugins'
import { errorMessage, writeFileAtomic } from '@tempered/node'
import { makeFolder } from '@tempered/train'
import { CliError } from '../errors.js'
import type { NewKind } from '../new-kinds.js'
import { scenarioInit } from './scenario-init.js'

export interface NewOptions {
  readonly out: string
  readonly force?: boolean
}

/** `tempered new`: writes a commented template with its test. Throws E_USAGE for an existing file or a bad name. */
export async function writeNew(kind: NewKind, name: string, { out, force }: NewOptions): Promise<void> {
  const pattern = kind === 'measure' ? /^[a-z][A-Za-z0-9]{0,30}$/ : /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
  if (!pattern.test(name) || name.length > 31) {
    const wanted =
      kind === 'measure' ? 'letters and digits, such as shareAbove80' : 'lower-case words with dashes'
    throw new CliError('E_USAGE', `${name}: the name of a ${kind} has at most 31 ${wanted}`)
  }
  if (kind === 'scenario') {
    await scenarioInit(join(out, `${name}.yaml`), { template: 'attack', ...(force ? { force } : {}) })
    return
  }
  const files = kind === 'lab' ? { [`${name}.yaml`]: labTemplate(name) } : pluginFiles(kind, name)
  await writeFiles(out, files, force === true)
  if (kind === 'lab') {
    process.stderr.write(`next: ./tempered lab matrix ${join(out, `${name}.yaml`)}\n`)
    return
  }
  const file = join(out, `${name}.mjs`)
  const { sha256 } = await loadModule(file, kind)
  process.stderr.write(
    `the module loads; SHA-256 ${sha256}\nnext: node --test ${join(out, `${name}.test.mjs`)}   then, in a scenario: ${usage(kind, name)}\n`,
  )
}

function pluginFiles(kind: PluginKind, name: string): Record<string, string> {
  const { module, test } = pluginTemplate(kind, name)
  return { [`${name}.mjs`]: module, [`${name}.test.mjs`]: test }
}

function usage(kind: PluginKind, name: string): string {
  const module = `{ module: ./${name}.mjs }`
  switch (kind) {
    case 'pre-aggregator':
      return `rule: { name: median, pre: [${module}] }`
    case 'attack':
      return `adversaries: [{ count: 1, attack: ${module} }]`
    case 'architecture':
      return `chain: ${module}`
    case 'measure':
      return `measures: [${module}]`
    default:
      return `${kind}: ${module}`
  }
}

async function writeFiles(folder: string, files: Record<string, string>, force: boolean): Promise<void> {
  for (const name of Object.keys(files)) {
    const path = join(folder, name)
    const exists = await access(path).then(
      () => true,
      () => false,
    )
    if (exists && !force)
      throw new CliError('E_USAGE', `${path} exists; choose another name, or --force to overwrite it`)
  }
  try {
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name)
      await makeFolder(dirname(path))
      await writeFileAtomic(path, text)
      process.stderr.write(`wrote ${path}\n`)
    }
  } catch (error) {
    throw new CliError('E_FILE', `${folder}: ${errorMessage(error)}`, { folder }, error)
  }
}
