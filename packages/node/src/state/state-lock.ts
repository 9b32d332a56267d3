import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { errorMessage, NodeError } from '../errors.js'

/** Folders that this process holds: after a restart under the same pid (containers) the old lock is not ours. */
const heldHere = new Set<string>()

/**
 * Holds a state folder for one node: a `lock` file with the owner's pid and, if the system provides it, the start
 * time of that process, linked into place atomically. A lock whose owner is gone (a crash, kill -9) is taken over,
 * even if its pid has been reused since. Throws E_STATE_IN_USE. The returned function releases the lock.
 */
export async function lockState(folder: string): Promise<() => Promise<void>> {
  const path = join(resolve(folder), 'lock')
  if (heldHere.has(path)) throw inUse(folder, `another node of this process (${process.pid})`)
  heldHere.add(path)
  const draft = `${path}.${process.pid}`
  try {
    await writeFile(draft, `${[process.pid, await beginningOf(process.pid)].join(' ').trimEnd()}\n`)
    await takeLock(folder, path, draft)
  } catch (error) {
    heldHere.delete(path)
    if (error instanceof NodeError) throw error
    throw new NodeError('E_IO', `${path}: ${errorMessage(error)}`, { path }, error)
  } finally {
    await unlink(draft).catch(() => undefined)
  }
  let released = false
  return async () => {
    // Only once: a second call must not take the lock from its next owner.
    if (released) return
    released = true
    heldHere.delete(path)
    await unlink(path).catch(() => undefined)
  }
}

/** Whose lock a state folder has, without touching it; undefined for none. `isAlive`: whether that process still runs. */
export async function lockOwner(
  folder: string,
): Promise<{ readonly pid: number; readonly isAlive: boolean } | undefined> {
  const found = await readFile(join(resolve(folder), 'lock'), 'utf8').catch(() => undefined)
  if (found === undefined) return undefined
  const [text = '', beginning] = found.trim().split(' ')
  const pid = Number.parseInt(text, 10)
  return { pid, isAlive: Number.isInteger(pid) && (await isAlive(pid, beginning)) }
}

async function takeLock(folder: string, path: string, draft: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await link(draft, path)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const found = await readFile(path, 'utf8').catch(() => '')
    const [pid = '', beginning] = found.trim().split(' ')
    const owner = Number.parseInt(pid, 10)
    if (Number.isInteger(owner) && owner !== process.pid && (await isAlive(owner, beginning)))
      throw inUse(folder, `process ${owner}`)
    await removeStale(path, `${draft}.stale`, found)
  }
  throw inUse(folder, 'a process that keeps taking the lock')
}

function inUse(folder: string, owner: string): NodeError {
  return new NodeError('E_STATE_IN_USE', `${folder} is in use by ${owner}; stop that node first`, { folder })
}

/** Removes a lock that was judged stale; a lock that another process created in the meantime is put back. */
async function removeStale(path: string, aside: string, judged: string): Promise<void> {
  try {
    await rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await readFile(aside, 'utf8')) !== judged) await link(aside, path).catch(() => undefined)
  await unlink(aside)
}

async function isAlive(pid: number, beginning: string | undefined): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const fields = await processFields(pid)
  // A process that has ended, but that its parent does not ask about, as in containers without an init.
  if (fields?.[0] === 'Z' || fields?.[0] === 'X') return false
  const began = fields?.[BEGINNING]
  return beginning === undefined || began === undefined || began === beginning
}

/** Start time of a process, in clock ticks since boot (field 22 of proc(5) stat); undefined without /proc. */
async function beginningOf(pid: number): Promise<string | undefined> {
  return (await processFields(pid))?.[BEGINNING]
}

const BEGINNING = 19

/** The fields of proc(5) stat from the third on, which is the state of the process; undefined without /proc. */
async function processFields(pid: number): Promise<readonly string[] | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The second field is the name in parentheses, which may contain anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
}
