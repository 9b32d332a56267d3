import { access, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { CliError } from '../errors.js'
import { RUN_FILES, readRun, type StoredRun } from './read-run.js'

/**
 * What a run is for: under attack with the defence, the same without an attacker, under attack with plain averaging,
 * and plain averaging without an attacker.
 */
export const ROLES = ['attacked', 'undefended', 'honest', 'baseline'] as const
export type Role = (typeof ROLES)[number]

/** A run folder and what it is for. */
export interface RunPlace {
  readonly folder: string
  /** Relative to the folder that was looked through, with `/`; `.` for itself. */
  readonly path: string
}

/** Depth to which run folders are looked for: `<variant>/seed-<n>/<run folder>`. */
const MAX_DEPTH = 3

/** Folder of the nodes' states and logs inside a run; nothing below it is looked at. */
const NOT_RUNS = new Set(['nodes', 'hosts', 'proofs', 'node_modules'])

/** Run folders in a folder, itself included, in order of their paths. Throws E_FILE when there is none. */
export async function findRuns(folder: string): Promise<RunPlace[]> {
  const found: string[] = []
  const look = async (path: string, depth: number): Promise<void> => {
    if (await isRunFolder(path)) {
      found.push(path)
      return
    }
    if (depth === MAX_DEPTH) return
    const entries = await readdir(path, { withFileTypes: true }).catch((cause) => {
      throw new CliError('E_FILE', `${path}: not a folder that can be read`, {}, cause)
    })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1)))
      if (entry.isDirectory() && !NOT_RUNS.has(entry.name)) await look(join(path, entry.name), depth + 1)
  }
  await look(folder, 0)
  if (found.length === 0) {
    throw new CliError(
      'E_FILE',
      `${folder}: no run in it. A run folder holds ${RUN_FILES.join(', ')}; cluster run and scenario run make them.`,
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

/** What a run is for: by the name of its variant's folder, or by what ran when that name says nothing. */
export function roleOf(path: string, run: Pick<StoredRun, 'record'>): Role {
  const variant = path.split('/')[0] ?? ''
  const named = ROLES.find((role) => variant === role || variant.startsWith(`${role}-`))
  if (named !== undefined) return named
  const hostile = run.record.nodes.some((node) => node.attack !== null)
  if (run.record.rule === 'average') return hostile ? 'undefended' : 'baseline'
  return hostile ? 'attacked' : 'honest'
}

/** Reads one run after the other, so that only one is in memory. */
export async function* readRuns(
  places: readonly RunPlace[],
): AsyncGenerator<{ place: RunPlace; run: StoredRun; role: Role }> {
  for (const place of places) {
    const run = await readRun(place.folder)
    yield { place, run, role: roleOf(place.path, run) }
  }
}
