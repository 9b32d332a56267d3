import { resolve } from 'node:path'
import type { Problem } from '../documents/problem.js'
import { LabError } from '../errors.js'
import { loadModule, loadUsedModules, type PluginKind, type UsedModule } from './load-module.js'

/** A document whose modules are loaded: names replace files, and `modules` lists what was loaded. */
export interface Resolved {
  readonly value: unknown
  /** Modules that could not be loaded. */
  readonly problems: readonly Problem[]
}

/** Kind of plug-in that a key of a scenario or lab takes. */
const KIND_OF: Readonly<Record<string, PluginKind>> = {
  rule: 'rule',
  rules: 'rule',
  pre: 'pre-aggregator',
  attack: 'attack',
  attacks: 'attack',
  poison: 'attack',
  topology: 'topology',
  topologies: 'topology',
  chain: 'architecture',
  chains: 'architecture',
}

/** `resolveModules` for a file in `folder`, as `loadDocument` takes it. */
export function prepareModules(folder: string): (raw: unknown) => Promise<Resolved> {
  return (raw) => resolveModules(raw, folder)
}

/**
 * Replaces every `{ module: <file>, … }` of a scenario or lab by `{ name: <registered name>, … }`, of a chain by
 * `{ architecture: <registered name>, … }`, after loading it.
 * Files are relative to `folder`. `measures` is removed, since registering them is enough. Modules that a resolved
 * document already lists are loaded too.
 */
export async function resolveModules(raw: unknown, folder: string): Promise<Resolved> {
  const modules = new Map<string, UsedModule>()
  const problems: Problem[] = []

  const load = async (
    file: string,
    kind: PluginKind | undefined,
    path: Path,
  ): Promise<string | undefined> => {
    try {
      const used = await loadModule(resolve(folder, file), kind)
      modules.set(used.file, used)
      return used.name
    } catch (error) {
      if (!(error instanceof LabError) || error.code !== 'E_MODULE') throw error
      problems.push({ path, message: error.message })
      return undefined
    }
  }

  const walk = async (value: unknown, path: Path, kind: PluginKind | undefined): Promise<unknown> => {
    if (Array.isArray(value)) {
      const items: unknown[] = []
      for (const [k, item] of value.entries()) items.push(await walk(item, [...path, k], kind))
      return items
    }
    if (typeof value !== 'object' || value === null) return value
    const { module, ...others } = value as Record<string, unknown>
    const entries: [string, unknown][] = []
    if (typeof module === 'string') {
      const name = await load(module, kind, [...path, 'module'])
      // A built-in name replaces a module that could not be loaded. Only the load error is reported then, not an
      // unknown name.
      entries.push([kind === 'architecture' ? 'architecture' : 'name', name ?? STAND_IN[kind ?? 'rule']])
    } else if (module !== undefined) entries.push(['module', module])
    for (const [key, part] of Object.entries(others))
      entries.push([key, await walk(part, [...path, key], KIND_OF[key])])
    return Object.fromEntries(entries)
  }

  if (!isObject(raw)) return { value: raw, problems }
  const { measures, modules: earlier, ...others } = raw
  for (const [k, used] of (Array.isArray(earlier) ? earlier : []).entries()) {
    if (!isUsedModule(used)) continue
    try {
      await loadUsedModules([used])
      modules.set(used.file, used)
    } catch (error) {
      problems.push({ path: ['modules', k], message: (error as Error).message })
    }
  }
  await walk(measures, ['measures'], 'measure')
  const value = (await walk(others, [], undefined)) as Record<string, unknown>
  return {
    value: modules.size === 0 ? value : { ...value, modules: [...modules.values()] },
    problems,
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isUsedModule(value: unknown): value is UsedModule {
  return isObject(value) && typeof value.file === 'string' && typeof value.sha256 === 'string'
}

type Path = Problem['path']

const STAND_IN: Readonly<Record<PluginKind, string>> = {
  rule: 'average',
  'pre-aggregator': 'distinct',
  attack: 'free-rider',
  topology: 'complete',
  architecture: 'bft',
  measure: 'mter',
}
