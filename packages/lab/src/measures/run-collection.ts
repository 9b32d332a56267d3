import { access, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { counted, errorMessage } from '@tempered/errors'
import { parse } from 'yaml'
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
      throw new LabError('E_FILE', `${path}: ${folderProblem(cause)}; ${WANTED}`, {}, cause)
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
      `${folder}: contains no run: neither it nor a folder up to ${MAX_DEPTH} levels below holds ${RUN_FILES.join(', ')}; ${WANTED}`,
    )
  }
  return found.map((path) => ({
    folder: path,
    path: relative(folder, path).split(sep).join('/') || '.',
  }))
}

/** What to name instead of a folder that holds no results. */
const WANTED =
  'name a results folder, such as runs/<name>-<date>: cluster run, scenario run, demo and lab matrix print it at their end'

function folderProblem(cause: unknown): string {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such folder'
  return code === 'ENOTDIR' ? 'this is a file' : errorMessage(cause)
}

/**
 * The runs of one results folder: a run, or the runs of one scenario as `<variant>/seed-<n>` or side by side. Throws
 * E_FILE when there is none, and when the folder lies above several results, such as `runs` or a checkout.
 */
export async function findResults(folder: string): Promise<RunPlace[]> {
  const places = await findRuns(folder)
  const names = new Set<string>()
  const results = new Set<string>()
  for (const place of places) {
    const parts = place.path.split('/')
    const seed = parts.findIndex((part) => /^seed-\d+$/.test(part))
    // `<variant>` lies above `seed-<n>`, the folder of the results above that; other runs are results of their own.
    results.add(parts.slice(0, seed < 0 ? Math.max(0, parts.length - 1) : Math.max(0, seed - 1)).join('/'))
    names.add(await scenarioName(place.folder))
  }
  if (results.size === 1 && results.has('') && names.size === 1) return places
  const inside = [...results].filter((path) => path !== '' && path !== 'runs')
  const given = [...inside, ...places.flatMap(({ path }) => (path.includes('seed-') ? [] : [path]))]
  const listed = [...new Set(given)].slice(-MOST_LISTED).map((path) => join(folder, path))
  throw new LabError(
    'E_FILE',
    `${folder}: is no results folder, but lies above ${counted(places.length, 'run')} of ${names.size === 1 ? 'the scenario' : 'the scenarios'} ` +
      `${[...names].slice(0, MOST_LISTED).join(', ')}; name one of the results, such as ${listed.join(' or ')}`,
    { folder },
  )
}

const MOST_LISTED = 3

async function scenarioName(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'scenario.yaml'), 'utf8')
  try {
    return String((parse(text) as { name?: unknown } | null)?.name ?? 'scenario')
  } catch {
    // Reading the run will tell what is wrong.
    return 'scenario'
  }
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
