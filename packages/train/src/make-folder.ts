import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder and those above it. Resolves to the first that it made; undefined when all were there. Throws as `mkdir`
 * does; the recursive one of Node never ends below /proc.
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  try {
    await mkdir(path)
    return path
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return undefined
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    const first = await makeFolder(dirname(path))
    await mkdir(path)
    return first ?? path
  }
}
