import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { LEDGER_FILE } from '@tempered/node'
import { CliError } from '../errors.js'

const BLOBS_FOLDER = 'blobs'
/** Depth of the search below a results folder: `runs/<run>/<rule>/nodes/<node>/state`. */
const SEARCH_DEPTH = 6

/**
 * Ledger files that a path refers to: the file itself, the ledger of a state folder or of a node folder (in its
 * `state/`), or every ledger below a results folder. Throws E_FILE when there is none.
 */
export async function ledgerFiles(path: string): Promise<string[]> {
  const info = await statOrThrow(path)
  if (info.isFile()) return [path]
  const found = await ledgersBelow(path, SEARCH_DEPTH)
  if (found.length === 0) throw new CliError('E_FILE', `${path} holds no ${LEDGER_FILE}`, { path })
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
    const info = await statOrThrow(path)
    if (!info.isDirectory()) throw new CliError('E_FILE', `${path} is not a blob folder`, { path })
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

async function statOrThrow(path: string) {
  return stat(path).catch((error) => {
    throw new CliError('E_FILE', `${path}: ${(error as Error).message}`, { path }, error)
  })
}

async function ledgersBelow(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const found = entries
    .filter((entry) => entry.isFile() && entry.name === LEDGER_FILE)
    .map((entry) => join(folder, entry.name))
  if (depth > 0) {
    const folders = entries
      .filter((entry) => entry.isDirectory() && entry.name !== BLOBS_FOLDER)
      .map((entry) => entry.name)
    for (const name of folders.sort()) found.push(...(await ledgersBelow(join(folder, name), depth - 1)))
  }
  return found
}
