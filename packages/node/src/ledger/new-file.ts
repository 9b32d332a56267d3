import { link, open, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorMessage, NodeError } from '../errors.js'
import { syncDirectory } from '../files.js'

/**
 * Writes a new file completely or not at all: temporary file, fsync, then its name. If the file exists, returns false
 * and writes nothing. Throws E_IO; an error from `parts` leaves no file behind.
 */
export async function writeNewFile(
  path: string,
  parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  mode = 0o644,
): Promise<boolean> {
  if (await isThere(path)) return false
  const temporary = `${path}.${process.pid}.tmp`
  const file = await attempt(path, () => open(temporary, 'wx', mode))
  try {
    try {
      for await (const part of parts) await attempt(path, () => file.appendFile(part))
      await attempt(path, () => file.sync())
    } finally {
      await file.close()
    }
    return await attempt(path, () => giveName(temporary, path))
  } finally {
    await unlink(temporary).catch(() => undefined)
  }
}

/** A link fails if the name is taken, while a rename would overwrite it; but not every file system has links. */
async function giveName(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    if (await isThere(path)) return false
    await rename(temporary, path)
  }
  await syncDirectory(dirname(path))
  return true
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new NodeError('E_IO', `${path}: ${errorMessage(error)}`, { path }, error)
  }
}
