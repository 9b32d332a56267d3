// `npm test`: set up what is missing, then run the quick tier of the tests. `npm run test:all` (this script with `--all`
// as its first argument) runs everything at full size. Further arguments go to vitest.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'

await setup()
process.env.TEMPERED_CACHE ??= join(root, '.cache')
const [first, ...rest] = process.argv.slice(2)
const all = first === '--all'
process.env.TEMPERED_TESTS = all ? 'all' : 'quick'
const vitestArguments = all ? rest : process.argv.slice(2)
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const child = spawn(process.execPath, [vitest, 'run', ...vitestArguments], {
  cwd: root,
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
})
