/** Hash of a file or folder, so that what was dealt can be recognised. */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

/**
 * Hex SHA-256: of a file, of its bytes; of a folder, of a line `<sha256>  <path with />\n` per file below it, in the
 * order of the paths' code units.
 */
export async function hashSource(path: string): Promise<string> {
  if (!(await stat(path)).isDirectory()) return hashFile(path)
  const lines = createHash('sha256')
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort((a, b) => (a < b ? -1 : 1))
  for (const file of files) lines.update(`${await hashFile(join(path, file))}  ${file}\n`)
  return lines.digest('hex')
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
