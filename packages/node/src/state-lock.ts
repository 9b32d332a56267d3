import { link, readFile, unlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { NodeError } from './errors.js'

/** Folders that this process holds: after a restart under the same pid (containers) the old lock is not ours. */
const heldHere = new Set<string>()

/**
 * Holds a state folder for one node: a `lock` file with the owner's pid, linked into place whole. A lock whose
 * owner is gone (a crash, kill -9) is taken over. Throws E_STATE_IN_USE. The returned function lets go.
 */
export async function lockState(folder: string): Promise<() => Promise<void>> {
  const path = join(resolve(folder), 'lock')
  if (heldHere.has(path)) throw inUse(folder, `another node of this process (${process.pid})`)
  heldHere.add(path)
  const draft = `${path}.${process.pid}`
  try {
    await writeFile(draft, `${process.pid}\n`)
    await takeLock(folder, path, draft)
  } catch (error) {
    heldHere.delete(path)
    if (error instanceof NodeError) throw error
    throw new NodeError('E_IO', `${path}: ${(error as Error).message}`, { path }, error)
  } finally {
    await unlink(draft).catch(() => undefined)
  }
  let released = false
  return async () => {
    // Once only: a second call must not take the lock from whoever holds it by then.
    if (released) return
    released = true
    heldHere.delete(path)
    await unlink(path).catch(() => undefined)
  }
}

async function takeLock(folder: string, path: string, draft: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await link(draft, path)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10)
    if (Number.isInteger(owner) && owner !== process.pid && isAlive(owner))
      throw inUse(folder, `process ${owner}`)
    await unlink(path).catch(() => undefined)
  }
  throw inUse(folder, 'a process that keeps taking the lock')
}

function inUse(folder: string, owner: string): NodeError {
  return new NodeError('E_STATE_IN_USE', `${folder} is in use by ${owner}; stop that node first`, { folder })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
