import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '@tempered/node'

export interface DiskUse {
  /** Bytes of all files below the folder; null where it cannot be read. */
  readonly stateBytes: number | null
  /** Bytes that this user may still write on its file system; null where the system does not say. */
  readonly freeBytes: number | null
}

/** Measures a folder, which reads the size of every file in it. */
export async function measureDisk(folder: string): Promise<DiskUse> {
  const [stateBytes, freeBytes] = await Promise.all([folderBytes(folder), freeBytesAt(folder)])
  return { stateBytes, freeBytes }
}

/** How long a measurement is used again: scrapers and people may ask as often as they like. */
const FRESH_MS = 2_000

/** `measureDisk`, at most once in two seconds and never twice at a time. */
export function createDiskMeter(folder: string, clock = systemClock): () => Promise<DiskUse> {
  let measured: Promise<DiskUse> | undefined
  let atMs = Number.NEGATIVE_INFINITY
  return () => {
    if (measured === undefined || clock.monotonicMs() - atMs > FRESH_MS) {
      atMs = clock.monotonicMs()
      measured = measureDisk(folder)
    }
    return measured
  }
}

async function folderBytes(folder: string): Promise<number | null> {
  try {
    let total = 0
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) total += (await folderBytes(path)) ?? 0
      // Files come and go while a node runs.
      else if (entry.isFile()) total += (await stat(path).catch(() => ({ size: 0 }))).size
    }
    return total
  } catch {
    return null
  }
}

async function freeBytesAt(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return null
  }
}
