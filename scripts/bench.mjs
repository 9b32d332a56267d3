// `pnpm bench`: set up what is missing, then run the benchmarks and write docs/benchmarks.md.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'

await setup()
process.env.TEMPERED_CACHE ??= join(root, '.cache')
const tsx = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs')
const child = spawn(
  process.execPath,
  [tsx, join(root, 'packages', 'cli', 'bench', 'main.ts'), ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: 'inherit',
  },
)
child.on('exit', (code) => {
  process.exitCode = code ?? 1
})
