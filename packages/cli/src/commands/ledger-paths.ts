import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errorMessage, LEDGER_FILE } from '@tempered/node'
import { loadNodeConfig, NODE_CONFIG_FILE } from '../config/node-config.js'
import { CliError } from '../errors.js'

const BLOBS_FOLDER = 'blobs'
const JOBS_FOLDER = 'jobs'
/** Depth of the search below a results folder: `runs/<run>/<rule>/nodes/<node>/state`. */
const SEARCH_DEPTH = 6

/**
 * Ledger files that a path refers to: the file itself, the ledger of a state folder or of a node folder (in the
 * `state` folder that its configuration names), or every ledger below a results folder. Symbolic links are followed.
 * Throws E_FILE when there is none.
 */
export async function ledgerFiles(path: string): Promise<string[]> {
  const info = await statOrThrow(path, 'a state folder, a node folder, a ledger file, or a results folder')
  if (info.isFile()) return [path]
  const found = await ledgersBelow(path, SEARCH_DEPTH)
  // The configuration of a node that keeps its state elsewhere may be the reason.
  if (found.length === 0 && (await isFile(join(path, NODE_CONFIG_FILE)))) await loadNodeConfig(path)
  if (found.length === 0 && (await isFile(join(path, 'model-card.json'))))
    throw new CliError(
      'E_FILE',
      `${path}: this is a model that was exported; name the folder of the node that it was taken from`,
      { path },
    )
  if (found.length === 0)
    throw new CliError(
      'E_FILE',
      `${path}: this folder and those below it hold no ${LEDGER_FILE}; name the folder of a node or of a run`,
      { path },
    )
  return found
}

/** The one ledger file that a path refers to. Throws E_FILE, and E_USAGE when there are several. */
export async function oneLedgerFile(path: string): Promise<string> {
  const files = await ledgerFiles(path)
  if (files.length > 1)
    throw new CliError('E_USAGE', `${path} holds ${files.length} ledgers; name one, e.g. ${files[0]}`)
  return files[0]!
}

/**
 * Blob folders: those next to the ledgers, and those that the extra paths refer to. These are a folder called `blobs`,
 * the state folders below a folder, or else the folder itself. Throws E_FILE for an extra path that is not a folder.
 */
export async function blobFolders(
  ledgers: readonly string[],
  extra: readonly string[] = [],
): Promise<string[]> {
  const found = ledgers.map((path) => join(dirname(path), BLOBS_FOLDER))
  for (const path of extra) {
    const info = await statOrThrow(path, 'a folder with models')
    if (!info.isDirectory())
      throw new CliError('E_FILE', `${path}: this is a file; name a folder with models`, { path })
    const below = basename(resolve(path)) === BLOBS_FOLDER ? [] : await ledgersBelow(path, SEARCH_DEPTH)
    found.push(...(below.length === 0 ? [path] : below.map((file) => join(dirname(file), BLOBS_FOLDER))))
  }
  return [...new Set(found)]
}

/** The name of the node that this ledger belongs to: the name of its folder. */
export function nodeName(ledgerPath: string): string {
  const folder = dirname(resolve(ledgerPath))
  return basename(basename(folder) === 'state' ? dirname(folder) : folder)
}

/** `wanted`: what should be there, for the error. */
async function statOrThrow(path: string, wanted: string) {
  return stat(path).catch((error) => {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const what = isMissing ? `there is no such file or folder; name ${wanted}` : errorMessage(error)
    throw new CliError('E_FILE', `${path}: ${what}`, { path }, error)
  })
}

/** `seen` has the real paths of folders, so that links cannot lead in circles and no ledger counts twice. */
async function ledgersBelow(folder: string, depth: number, seen = new Set<string>()): Promise<string[]> {
  const real = await realpath(folder)
  if (seen.has(real)) return []
  seen.add(real)
  const names = (await readdir(folder)).sort()
  const found: string[] = []
  if (names.includes(LEDGER_FILE) && (await isFile(join(folder, LEDGER_FILE))))
    found.push(join(folder, LEDGER_FILE))
  const folders: string[] = []
  // A node's paid jobs are runs of their own: name the folder of one.
  const skipped = new Set([BLOBS_FOLDER, ...(names.includes(NODE_CONFIG_FILE) ? [JOBS_FOLDER] : [])])
  for (const name of names)
    if (!skipped.has(name) && (await isFolder(join(folder, name)))) folders.push(join(folder, name))
  if (names.includes(NODE_CONFIG_FILE)) {
    const state = await loadNodeConfig(folder).then(
      (config) => config.state,
      () => undefined,
    )
    if (state !== undefined && (await isFile(join(state, LEDGER_FILE)))) folders.push(state)
  }
  if (depth > 0) for (const below of folders) found.push(...(await ledgersBelow(below, depth - 1, seen)))
  return found
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}
