import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Inputs that once broke a decoder: they are in the repository and come first whenever the target is fuzzed. */
const FOLDER = fileURLToPath(new URL('../seeds', import.meta.url))

export interface SeedFile {
  readonly name: string
  readonly bytes: Uint8Array
}

export async function readSeeds(target: string): Promise<SeedFile[]> {
  const folder = join(FOLDER, target)
  const names = await readdir(folder).catch(() => [] as string[])
  return Promise.all(
    names.sort().map(async (name) => ({ name, bytes: new Uint8Array(await readFile(join(folder, name))) })),
  )
}

/** Keeps a failing input; gives its path in the repository. */
export async function keepSeed(target: string, bytes: Uint8Array): Promise<string> {
  const name = `${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}.bin`
  await mkdir(join(FOLDER, target), { recursive: true })
  await writeFile(join(FOLDER, target, name), bytes)
  return `fuzz/seeds/${target}/${name}`
}
