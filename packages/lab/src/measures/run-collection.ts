import { access, readdir, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { LabError } from '../errors.js'
import { RUN_FILES, readRun, type StoredRun } from './read-run.js'

/**
 * The role of a run: under attack with the defence, the same without an attacker, under attack with plain averaging,
 * and plain averaging without an attacker.
 */
export const ROLES = ['attacked', 'undefended', 'honest', 'baseline'] as const
export type Role = (typeof ROLES)[number]

/** A run folder and its place in the folder that was searched. */
export interface RunPlace {
  readonly folder: string
  /** Relative to the folder that was searched, with `/`; `.` for the folder itself. */
  readonly path: string
}

/** Depth of the search for run folders: `<variant>/seed-<n>/<run folder>`. */
const MAX_DEPTH = 3

/** Folder of the nodes' states and logs inside a run. It is not searched. */
const NOT_RUNS = new Set(['nodes', 'hosts', 'proofs', 'node_modules'])

/**
 * Run folders in a folder, itself included, in order of their paths. Follows symbolic links, each folder once. Throws
 * E_FILE when there is none.
 */
export async function findRuns(folder: string): Promise<RunPlace[]> {
  const found: string[] = []
  const seen = new Set<string>()
  const look = async (path: string, depth: number): Promise<void> => {
    const real = await realpath(path).catch(() => path)
    if (seen.has(real)) return
    seen.add(real)
    if (await isRunFolder(path)) {
      found.push(path)
      return
    }
    if (depth === MAX_DEPTH) return
    const names = await readdir(path).catch((cause) => {
      throw new LabError('E_FILE', `${path}: not a readable folder`, {}, cause)
    })
    for (const name of names.sort()) {
      if (NOT_RUNS.has(name)) continue
      const info = await stat(join(path, name)).catch(() => undefined)
      if (info?.isDirectory()) await look(join(path, name), depth + 1)
    }
  }
  await look(folder, 0)
  if (found.length === 0) {
    throw new LabError(
      'E_FILE',
      `${folder}: contains no run. A run folder holds ${RUN_FILES.join(', ')}; cluster run and scenario run create them.`,
    )
  }
  return found.map((path) => ({
    folder: path,
    path: relative(folder, path).split(sep).join('/') || '.',
  }))
}

async function isRunFolder(path: string): Promise<boolean> {
  const there = await Promise.all(
    RUN_FILES.map((name) =>
      access(join(path, name)).then(
        () => true,
        () => false,
      ),
    ),
  )
  return there.every(Boolean)
}

/**
 * The role of a run, derived from what ran and not from the name of its folder. A scenario without adversaries is its
 * own honest control, and plain averaging is not a defence under any name.
 */
export function roleOf({ record, isPlain }: Pick<StoredRun, 'record' | 'isPlain'>): Role {
  const isAttacked = record.nodes.some((node) => node.attack !== null)
  if (isPlain) return isAttacked ? 'undefended' : 'baseline'
  return isAttacked ? 'attacked' : 'honest'
}

/**
 * The name of the rule: as in the name of the variant's folder (`attacked-balance-2` where a scenario has two rules
 * with the same name), or its own name.
 */
export function storedRuleName(path: string, run: Pick<StoredRun, 'ruleTitle' | 'isPlain'>): string {
  if (run.isPlain) return run.ruleTitle
  const place = /^(?:attacked|honest)-.*-(\d+)$/.exec(path.split('/')[0] ?? '')?.[1]
  return place === undefined ? run.ruleTitle : `${run.ruleTitle}-${place}`
}

/** Reads one run after the other, so that only one is in memory at a time. */
export async function* readRuns(
  places: readonly RunPlace[],
): AsyncGenerator<{ place: RunPlace; run: StoredRun; role: Role; rule: string }> {
  for (const place of places) {
    const run = await readRun(place.folder)
    yield { place, run, role: roleOf(run), rule: storedRuleName(place.path, run) }
  }
}
