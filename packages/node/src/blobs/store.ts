import { createHash } from 'node:crypto'
import { type FileHandle, open, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { blobCid, cidFromDigest, RAW } from '@tempered/protocol'
import { makeFolder } from '@tempered/train'
import { errorMessage, NodeError } from '../errors.js'
import { writeFileAtomic } from '../files.js'
import { type OpenBlob, openBytes } from './open-blob.js'

/** Content-addressed models: the newest ones in memory, all retained ones on disk. */
export interface BlobStore {
  /** On disk (fsync) before it resolves. The bytes must not change afterwards. Returns the CID string. */
  put(bytes: Uint8Array): Promise<string>
  /** From memory or disk, hash checked; undefined when the store does not have it. */
  get(cid: string): Promise<Uint8Array | undefined>
  /**
   * To read piece by piece, without holding the blob; undefined when the store does not have it. The hash is checked
   * once in the life of this process: when it was written, or before the first piece is read.
   */
  open(cid: string): Promise<OpenBlob | undefined>
  /** Keeps a blob regardless of `retain`, as long as this process runs: evidence, and the last final model. */
  pin(cid: string): void
  unpin(cid: string): void
  /**
   * Deletes every blob that is neither pinned nor of one of these rounds, the newest round first. While the store is
   * over its budget the oldest of these rounds are deleted too, but never the newest `ALWAYS_KEPT_ROUNDS`.
   */
  retain(rounds: readonly (readonly string[])[]): Promise<void>
}

/** Blobs that are served from memory: the newest ones, by number and total size. */
const CACHED_BLOBS = 4
const CACHED_BYTES = 64 * 1024 * 1024

/** How much of a file is read at a time to check its hash. */
const CHECKED_BYTES = 1024 * 1024

/** Rounds that the node needs to continue, or its neighbours to finish their current round. */
const ALWAYS_KEPT_ROUNDS = 2

/** `budgetBytes`: how much the store may take up on disk after each round. */
export async function openBlobStore(
  folder: string,
  budgetBytes: number = Number.POSITIVE_INFINITY,
): Promise<BlobStore> {
  await makeFolder(folder)
  const cache = new Map<string, Uint8Array>()
  const pinned = new Set<string>()
  /** Blobs on disk whose hash this process has seen to match. */
  const checked = new Set<string>()
  const remember = (cid: string, bytes: Uint8Array): void => {
    cache.delete(cid)
    cache.set(cid, bytes)
    let total = 0
    for (const { byteLength } of cache.values()) total += byteLength
    for (const [oldest, { byteLength }] of cache) {
      if (cache.size <= CACHED_BLOBS && total <= CACHED_BYTES) break
      cache.delete(oldest)
      total -= byteLength
    }
  }
  /** `undefined` when there is no such file, or `cid` is no name of one. */
  const access = async <T>(cid: string, read: (path: string) => Promise<T>): Promise<T | undefined> => {
    if (!/^[a-z0-9]+$/.test(cid)) return undefined
    try {
      return await read(join(folder, cid))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw ioError(cid, error)
    }
  }
  let last: Promise<unknown> = Promise.resolve()
  /** Writing and deleting take turns: evidence is stored while rounds are tidied up. */
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const done = last.then(change)
    last = done.catch(() => undefined)
    return done
  }
  const tidy = async (rounds: readonly (readonly string[])[]): Promise<void> => {
    const names = await readdir(folder)
    const sizes = new Map<string, number>()
    for (const name of names) sizes.set(name, await sizeOf(join(folder, name)))
    const kept = withinBudget(pinned, rounds, sizes, budgetBytes)
    for (const name of names) if (!kept.has(name)) await unlink(join(folder, name)).catch(() => undefined)
    for (const cid of cache.keys()) if (!kept.has(cid)) cache.delete(cid)
    for (const cid of checked) if (!kept.has(cid)) checked.delete(cid)
  }
  const check = (cid: string, found: string): void => {
    if (found === cid) {
      checked.add(cid)
      return
    }
    throw new NodeError('E_HASH_MISMATCH', `blob ${cid} on disk does not match its CID; delete the file`, {
      cid,
    })
  }
  return {
    put(bytes) {
      const cid = blobCid(bytes).toString()
      return inTurn(async () => {
        if (!cache.has(cid)) await writeFileAtomic(join(folder, cid), bytes)
        checked.add(cid)
        remember(cid, bytes)
        return cid
      })
    },
    async get(cid) {
      const cached = cache.get(cid)
      if (cached !== undefined) return cached
      const bytes = await access(cid, (path) => readFile(path))
      if (bytes !== undefined) check(cid, blobCid(bytes).toString())
      return bytes
    },
    async open(cid) {
      const cached = cache.get(cid)
      if (cached !== undefined) return openBytes(cached)
      const file = await access(cid, (path) => open(path, 'r'))
      if (file === undefined) return undefined
      try {
        const blob = openFile(file, cid, (await file.stat()).size)
        if (!checked.has(cid)) check(cid, await cidOf(blob))
        return blob
      } catch (error) {
        await file.close()
        throw error
      }
    },
    pin: (cid) => pinned.add(cid),
    unpin: (cid) => pinned.delete(cid),
    retain: (rounds) => inTurn(() => tidy(rounds)),
  }
}

function withinBudget(
  pinned: ReadonlySet<string>,
  rounds: readonly (readonly string[])[],
  sizes: ReadonlyMap<string, number>,
  budgetBytes: number,
): Set<string> {
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
  return kept
}

async function sizeOf(path: string): Promise<number> {
  const info = await stat(path).catch(() => undefined)
  return info?.size ?? 0
}

function openFile(file: FileHandle, cid: string, byteLength: number): OpenBlob {
  return {
    byteLength,
    async read(offset, length) {
      const bytes = Buffer.allocUnsafeSlow(length)
      let filled = 0
      while (filled < length) {
        const { bytesRead } = await file
          .read(bytes, filled, length - filled, offset + filled)
          .catch((error) => {
            throw ioError(cid, error)
          })
        if (bytesRead === 0) throw ioError(cid, new Error('the file has become shorter'))
        filled += bytesRead
      }
      return bytes
    },
    close: () => file.close(),
  }
}

async function cidOf(blob: OpenBlob): Promise<string> {
  const hash = createHash('sha256')
  for (let offset = 0; offset < blob.byteLength; offset += CHECKED_BYTES)
    hash.update(await blob.read(offset, Math.min(CHECKED_BYTES, blob.byteLength - offset)))
  return cidFromDigest(RAW, hash.digest()).toString()
}

const ioError = (cid: string, cause: unknown): NodeError =>
  new NodeError('E_IO', `blob ${cid}: ${errorMessage(cause)}`, { cid }, cause)
