import { mkdir, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { blobCid } from '@tempered/protocol'
import { errorMessage, NodeError } from '../errors.js'
import { writeFileAtomic } from '../files.js'

/** Content-addressed models: the newest ones in memory, all retained ones on disk. */
export interface BlobStore {
  /** On disk (fsync) before it resolves. The bytes must not change afterwards. Returns the CID string. */
  put(bytes: Uint8Array): Promise<string>
  /** From memory or disk, hash checked; undefined when the store does not have it. */
  get(cid: string): Promise<Uint8Array | undefined>
  /** Keeps a blob regardless of `retain`, as long as this process runs: evidence, and the last final model. */
  pin(cid: string): void
  unpin(cid: string): void
  /**
   * Deletes every blob that is neither pinned nor of one of these rounds, the newest round first. While the store is
   * over its budget the oldest of these rounds are deleted too, but never the newest `ALWAYS_KEPT_ROUNDS`.
   */
  retain(rounds: readonly (readonly string[])[]): Promise<void>
}

/** Number of blobs that are served from memory. */
const CACHED_BLOBS = 4

/** Rounds that the node needs to continue, or its neighbours to finish their current round. */
const ALWAYS_KEPT_ROUNDS = 2

/** `budgetBytes`: how much the store may take up on disk after each round. */
export async function openBlobStore(
  folder: string,
  budgetBytes: number = Number.POSITIVE_INFINITY,
): Promise<BlobStore> {
  await mkdir(folder, { recursive: true })
  const cache = new Map<string, Uint8Array>()
  const pinned = new Set<string>()
  const remember = (cid: string, bytes: Uint8Array): void => {
    cache.delete(cid)
    cache.set(cid, bytes)
    for (const oldest of cache.keys()) {
      if (cache.size <= CACHED_BLOBS) break
      cache.delete(oldest)
    }
  }
  return {
    async put(bytes) {
      const cid = blobCid(bytes).toString()
      if (!cache.has(cid)) await writeFileAtomic(join(folder, cid), bytes)
      remember(cid, bytes)
      return cid
    },
    async get(cid) {
      const cached = cache.get(cid)
      if (cached !== undefined) return cached
      if (!/^[a-z0-9]+$/.test(cid)) return undefined
      let bytes: Uint8Array
      try {
        bytes = await readFile(join(folder, cid))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw new NodeError('E_IO', `blob ${cid}: ${errorMessage(error)}`, { cid }, error)
      }
      if (blobCid(bytes).toString() !== cid) {
        throw new NodeError(
          'E_HASH_MISMATCH',
          `blob ${cid} on disk does not match its CID; delete the file`,
          { cid },
        )
      }
      return bytes
    },
    pin: (cid) => pinned.add(cid),
    unpin: (cid) => pinned.delete(cid),
    async retain(rounds) {
      const names = await readdir(folder)
      const sizes = new Map<string, number>()
      for (const name of names) sizes.set(name, await sizeOf(join(folder, name)))
      const sizeOfAll = (cids: Iterable<string>): number =>
        [...cids].reduce((sum, cid) => sum + (sizes.get(cid) ?? 0), 0)
      const kept = new Set([...pinned, ...rounds.slice(0, ALWAYS_KEPT_ROUNDS).flat()])
      let total = sizeOfAll(kept)
      for (const round of rounds.slice(ALWAYS_KEPT_ROUNDS)) {
        const more = round.filter((cid) => !kept.has(cid))
        total += sizeOfAll(more)
        if (total > budgetBytes) break
        for (const cid of more) kept.add(cid)
      }
      for (const name of names) if (!kept.has(name)) await unlink(join(folder, name)).catch(() => undefined)
      for (const cid of cache.keys()) if (!kept.has(cid)) cache.delete(cid)
    },
  }
}

async function sizeOf(path: string): Promise<number> {
  const info = await stat(path).catch(() => undefined)
  return info?.size ?? 0
}
