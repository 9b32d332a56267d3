// Compiles the AssemblyScript kernels of packages into their `kernels-binary.ts`. With --check nothing is written: the exit
// code is 1 if a file is not what its sources give.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const packages = join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages')

/** Packages with a folder `kernels`, and the file that each is compiled to. */
export const KERNELS = {
  train: join('src', 'engine', 'wasm', 'kernels-binary.ts'),
  secagg: join('src', 'field', 'kernels-binary.ts'),
}

/** No runtime and no allocation: the callers lay the memory out. AS112 warns of v128 between functions of one module. */
const OPTIONS = [
  ...['-O3', '--converge', '--noAssert', '--enable', 'simd', '--runtime', 'stub', '--importMemory'],
  ...['--memoryBase', '1024', '--disableWarning', '112'],
]

/** The text of a package's `kernels-binary.ts`. Throws with the compiler's messages. */
export function buildKernels(name) {
  const home = join(packages, name)
  const compiler = join(home, 'node_modules', 'assemblyscript', 'bin', 'asc.js')
  const folder = mkdtempSync(join(tmpdir(), 'tempered-kernels-'))
  try {
    const binary = join(folder, 'kernels.wasm')
    const { status, stderr } = spawnSync(process.execPath, [compiler, 'index.ts', '-o', binary, ...OPTIONS], {
      cwd: join(home, 'kernels'),
      encoding: 'utf8',
    })
    if (status !== 0 || stderr !== '') throw new Error(`the kernels do not compile cleanly:\n${stderr}`)
    return (
      `/** The kernels of \`packages/${name}/kernels\`, compiled. Written by \`node scripts/kernels.mjs\`. */\n` +
      `export const KERNELS_BASE64 =\n  '${readFileSync(binary).toString('base64')}'\n`
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, file] of Object.entries(KERNELS)) {
    const text = buildKernels(name)
    const target = join(packages, name, file)
    if (!process.argv.includes('--check')) writeFileSync(target, text)
    else if (readFileSync(target, 'utf8') !== text) {
      console.error(`${file} of ${name} is not what its kernels give; run node scripts/kernels.mjs`)
      process.exitCode = 1
    }
  }
}
