import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'

export interface HashedFile {
  readonly path: string
  readonly bytes: number
  /** Hexadecimal. */
  readonly sha256: string
}

/** SHA-256 of files of a folder, each named `<prefix>/<name>`; missing files are left out. */
export async function hashFiles(
  folder: string,
  names: readonly string[],
  prefix: string,
): Promise<HashedFile[]> {
  const hashed: HashedFile[] = []
  for (const name of names) {
    const path = join(folder, name)
    const info = await stat(path).catch(() => undefined)
    if (info === undefined || !info.isFile()) continue
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
    hashed.push({
      path: prefix === '.' ? name : `${prefix}/${name}`,
      bytes: info.size,
      sha256: hash.digest('hex'),
    })
  }
  return hashed
}
