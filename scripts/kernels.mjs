// Compiles the AssemblyScript kernels of packages/train into `src/engine/wasm/kernels-binary.ts`. With --check nothing
// is written: the exit code is 1 if the file is not what its sources give.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const train = join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages', 'train')
const compiler = join(train, 'node_modules', 'assemblyscript', 'bin', 'asc.js')
const target = join(train, 'src', 'engine', 'wasm', 'kernels-binary.ts')

/** No runtime and no allocation: the engine lays the memory out. AS112 warns of v128 between functions of one module. */
const OPTIONS = [
  ...['-O3', '--converge', '--noAssert', '--enable', 'simd', '--runtime', 'stub', '--importMemory'],
  ...['--memoryBase', '1024', '--disableWarning', '112'],
]

/** The text of `kernels-binary.ts`. Throws with the compiler's messages. */
export function buildKernels() {
  const folder = mkdtempSync(join(tmpdir(), 'tempered-kernels-'))
  try {
    const binary = join(folder, 'kernels.wasm')
    const { status, stderr } = spawnSync(process.execPath, [compiler, 'index.ts', '-o', binary, ...OPTIONS], {
      cwd: join(train, 'kernels'),
      encoding: 'utf8',
    })
    if (status !== 0 || stderr !== '') throw new Error(`the kernels do not compile cleanly:\n${stderr}`)
    return (
      '/** The kernels of `packages/train/kernels`, compiled. Written by `node scripts/kernels.mjs`. */\n' +
      `export const KERNELS_BASE64 =\n  '${readFileSync(binary).toString('base64')}'\n`
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = buildKernels()
  if (!process.argv.includes('--check')) writeFileSync(target, text)
  else if (readFileSync(target, 'utf8') !== text) {
    console.error('kernels-binary.ts is not what the kernels give; run node scripts/kernels.mjs')
    process.exitCode = 1
  }
}
