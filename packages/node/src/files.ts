import { open, readFile, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorMessage, NodeError } from './errors.js'

/** Makes a rename or a new file in `path` durable. Does nothing if directories cannot be synced. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EINVAL' && code !== 'EPERM') throw error
  } finally {
    await directory.close()
  }
}

let temporaryCount = 0

/**
 * Writes a file completely or not at all: temporary file, fsync, rename, fsync of the folder. Without `durable`
 * nothing is synced: a reader never sees half a file, but a power failure may leave the old one. Throws E_IO.
 */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | string,
  mode = 0o644,
  durable = true,
): Promise<void> {
  try {
    await replaceFile(path, bytes, mode, durable)
  } catch (error) {
    throw new NodeError('E_IO', `${path}: ${errorMessage(error)}`, { path }, error)
  }
}

async function replaceFile(
  path: string,
  bytes: Uint8Array | string,
  mode: number,
  durable: boolean,
): Promise<void> {
  temporaryCount += 1
  const temporary = `${path}.${process.pid}-${temporaryCount}.tmp`
  const file = await open(temporary, 'w', mode)
  try {
    try {
      await file.writeFile(bytes)
      if (durable) await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
  if (durable) await syncDirectory(dirname(path))
}

/** The text of a file; undefined if there is none. Throws E_IO. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new NodeError('E_IO', `${path}: ${errorMessage(error)}`, { path }, error)
  }
}
