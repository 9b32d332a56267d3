import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { blobCid, type Run } from '@tempered/protocol'
import { errorMessage, NodeError } from '../errors.js'
import { drawnInitialParameters, initialBlob } from '../round/initial-model.js'

/** Looks up a blob by CID; undefined when it is not available. The bytes always match the CID. */
export type BlobLookup = (cid: string) => Promise<Uint8Array | undefined>

/**
 * A lookup over several stores, for example the collected state folders of many nodes. A copy that does not match its
 * name is skipped and reported to `onMismatch`. If no copy matches, throws E_HASH_MISMATCH without `onMismatch`; with
 * it the blob counts as missing, so that one damaged folder does not prevent checking the others. Throws E_IO.
 */
export async function openBlobFolders(
  folders: readonly string[],
  onMismatch?: (path: string) => void,
): Promise<BlobLookup> {
  const copies = new Map<string, string[]>()
  for (const folder of new Set(folders)) {
    for (const name of await listFolder(folder)) {
      const paths = copies.get(name)
      if (paths === undefined) copies.set(name, [join(folder, name)])
      else paths.push(join(folder, name))
    }
  }
  return async (cid) => {
    const bad: string[] = []
    for (const path of copies.get(cid) ?? []) {
      const bytes = await readBlob(path)
      if (blobCid(bytes).toString() === cid) return bytes
      bad.push(path)
      onMismatch?.(path)
    }
    if (bad.length > 0 && onMismatch === undefined) {
      throw new NodeError('E_HASH_MISMATCH', `${bad[0]} does not match its name; restore it from a copy`, {
        path: bad[0],
      })
    }
    return undefined
  }
}

async function readBlob(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    throw new NodeError('E_IO', `${path}: ${errorMessage(error)}`, { path }, error)
  }
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new NodeError('E_IO', `${folder}: ${errorMessage(error)}`, { folder }, error)
  }
}

/**
 * A lookup that also knows the run's initial model where it follows from the manifest and is in no store. A model that
 * was given is looked up as any other.
 */
export function withInitialModel(lookup: BlobLookup, run: Run): BlobLookup {
  const { initialCid } = run.manifest.model
  return async (cid) => {
    const drawn = cid === initialCid ? drawnInitialParameters(run.manifest) : undefined
    return drawn === undefined ? lookup(cid) : initialBlob(drawn).bytes
  }
}
