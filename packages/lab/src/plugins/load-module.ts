import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type CustomArchitecture, registerArchitecture } from '@tempered/chain'
import { errorMessage, nearestName } from '@tempered/errors'
import {
  type CustomAttack,
  type CustomPreAggregator,
  type CustomRule,
  type CustomTopology,
  registerAttack,
  registerPreAggregator,
  registerRule,
  registerTopology,
} from '@tempered/robust-agg/custom'
import { importModule, moduleError } from '../documents/import-module.js'
import { registerMeasure } from '../measures/catalogue.js'
import type { Measure } from '../measures/measures.js'

/** What an ES module may add: the `kind` of its default export. */
export const PLUGIN_KINDS = [
  'rule',
  'pre-aggregator',
  'attack',
  'topology',
  'architecture',
  'measure',
] as const
export type PluginKind = (typeof PLUGIN_KINDS)[number]

/** Default export of a module, by kind. */
export type RuleModule = CustomRule & { readonly kind: 'rule' }
export type PreAggregatorModule = CustomPreAggregator & { readonly kind: 'pre-aggregator' }
export type AttackModule = CustomAttack & { readonly kind: 'attack' }
export type TopologyModule = CustomTopology & { readonly kind: 'topology' }
export type ArchitectureModule = CustomArchitecture & { readonly kind: 'architecture' }
export type MeasureModule = Measure & { readonly kind: 'measure'; readonly name: string }

/** A module that a run uses, as recorded with the run. */
export interface UsedModule {
  readonly kind: PluginKind
  /** Name by which the run uses it: `<name>@<hash>`, but the plain name for a measure. */
  readonly name: string
  /** Absolute path. */
  readonly file: string
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string
}

/** Hexadecimal digits of the hash in a name: 128 bits, within the 64 characters that a manifest allows for a name. */
const NAME_DIGITS = 32
const MAX_PLAIN_NAME = 64 - 1 - NAME_DIGITS

/** Files that this process has loaded, by path and hash: code runs once. */
const loaded = new Map<string, Promise<UsedModule>>()
const used: UsedModule[] = []

/**
 * Loads an ES module and registers what its default export describes. The name that a run uses ends in the hash of the
 * file, so that a manifest that names it identifies the code. Throws E_MODULE with what is missing or wrong.
 *
 * @param expected the required kind; any kind if omitted
 */
export async function loadModule(path: string, expected?: PluginKind): Promise<UsedModule> {
  const file = resolve(path)
  const bytes = await readFile(file).catch((cause) => {
    throw moduleError(file, errorMessage(cause), cause)
  })
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const key = `${file}\0${sha256}`
  const module = await (loaded.get(key) ?? remember(key, register(file, bytes.toString('utf8'), sha256)))
  if (expected !== undefined && module.kind !== expected)
    throw moduleError(file, `describes a ${module.kind}, but a module of kind ${expected} is expected here`)
  return module
}

/** The full name of something that a loaded module calls by its plain name; other names as they are. */
export function fullName(name: string): string {
  return used.find((module) => module.name.split('@')[0] === name)?.name ?? name
}

/** Loads modules that an earlier run used. Throws E_MODULE when a file is gone or has changed. */
export async function loadUsedModules(modules: readonly UsedModule[]): Promise<void> {
  for (const { kind, file, sha256 } of modules) {
    const found = await loadModule(file, kind)
    if (found.sha256 !== sha256)
      throw moduleError(file, `has changed: its SHA-256 is ${found.sha256}, and the run used ${sha256}`)
  }
}

function remember(key: string, module: Promise<UsedModule>): Promise<UsedModule> {
  loaded.set(key, module)
  module.catch(() => loaded.delete(key))
  return module
}

async function register(file: string, source: string, sha256: string): Promise<UsedModule> {
  const relative = /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]*)['"]/.exec(source)?.[1]
  if (relative !== undefined)
    throw moduleError(
      file,
      `imports ${relative}, which its hash would not cover; bundle the module into one file`,
    )
  const imported = await importModule(file, sha256)
  const { default: exported } = imported as { default?: Record<string, unknown> }
  if (typeof exported !== 'object' || exported === null)
    throw moduleError(file, 'has no default export; `tempered new rule` writes a template')
  const { kind, name } = exported as { kind?: unknown; name?: unknown }
  if (!PLUGIN_KINDS.includes(kind as PluginKind)) {
    const nearest = typeof kind === 'string' ? nearestName(kind, PLUGIN_KINDS) : undefined
    const hint = nearest === undefined ? '' : `; did you mean '${nearest}'?`
    throw moduleError(file, `\`kind\` must be one of ${PLUGIN_KINDS.join(', ')}${hint}`)
  }
  if (typeof name !== 'string') throw moduleError(file, '`name` is missing')
  if (kind !== 'measure' && (name.length > MAX_PLAIN_NAME || name.includes('@')))
    throw moduleError(file, `\`name\` must have at most ${MAX_PLAIN_NAME} characters and no @`)
  try {
    const full = registerAs(kind as PluginKind, exported, `${name}@${sha256.slice(0, NAME_DIGITS)}`)
    const module: UsedModule = { kind: kind as PluginKind, name: full, file, sha256 }
    used.unshift(module)
    return module
  } catch (cause) {
    throw moduleError(file, (cause as Error).message, cause)
  }
}

function registerAs(kind: PluginKind, exported: Record<string, unknown>, name: string): string {
  // Methods stay bound to what the module exports.
  const named = Object.assign(Object.create(exported), exported, { name })
  switch (kind) {
    case 'rule':
      return registerRule(named as CustomRule)
    case 'pre-aggregator':
      return registerPreAggregator(named as CustomPreAggregator)
    case 'attack':
      return registerAttack(named as CustomAttack)
    case 'topology':
      return registerTopology(named as CustomTopology)
    case 'architecture':
      return registerArchitecture(named as CustomArchitecture)
    case 'measure': {
      const measure = exported as unknown as MeasureModule
      registerMeasure(measure.name, measure)
      return measure.name
    }
  }
}
