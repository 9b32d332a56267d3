import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder and those above it, also when others make them at the same time. Resolves to the first that it made;
 * undefined when all were there. Throws as `mkdir` does; the recursive one of Node never ends below /proc.
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  try {
    return await makeOne(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error
    const first = await makeFolder(dirname(path))
    const own = await makeOne(path)
    return first ?? own
  }
}

async function makeOne(path: string): Promise<string | undefined> {
  try {
    await mkdir(path)
    return path
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (await stat(path)).isDirectory())
      return undefined
    throw error
  }
}
