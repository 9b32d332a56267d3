import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Target } from '../engine/target.js'

/** In memory where that is possible: these files are written thousands of times. */
const ROOT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A target that reads a file: `read` gets the path of one with the input in it, in a folder of its own. */
export function fileTarget(
  name: string,
  { read, ...target }: Omit<Target, 'decode' | 'close'> & { read(path: string, input: Uint8Array): unknown },
): Target {
  const folder = mkdtempSync(join(ROOT, 'tempered-fuzz-'))
  const path = join(folder, name)
  return {
    ...target,
    decode(input) {
      writeFileSync(path, input, { mode: 0o600 })
      return read(path, input)
    },
    close: async () => rmSync(folder, { recursive: true, force: true }),
  }
}
