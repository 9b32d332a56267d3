import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LEDGER_FILE } from '@tempered/node'
import { CliError } from '../errors.js'

/**
 * Ledger files that a path means: the file itself, the ledger of a state folder or of a node folder (`state/` in
 * it), or every ledger below a folder of results. Throws E_FILE when there is none.
 */
export async function ledgerFiles(path: string): Promise<string[]> {
  const info = await stat(path).catch((error) => {
    throw new CliError('E_FILE', `${path}: ${(error as Error).message}`, { path }, error)
  })
  if (info.isFile()) return [path]
  const found = await below(path, 6)
  if (found.length === 0) throw new CliError('E_FILE', `${path} holds no ${LEDGER_FILE}`, { path })
  return found
}

async function below(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const found = entries
    .filter((entry) => entry.isFile() && entry.name === LEDGER_FILE)
    .map((entry) => join(folder, entry.name))
  if (depth > 0) {
    const folders = entries
      .filter((entry) => entry.isDirectory() && entry.name !== 'blobs')
      .map((entry) => entry.name)
    for (const name of folders.sort()) found.push(...(await below(join(folder, name), depth - 1)))
  }
  return found
}
