// Brings a checkout to the point where it can run: pnpm at the pinned version, dependencies as locked, the build.
// Each step is skipped when its result is up to date. No global installs.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const packages = readdirSync(join(root, 'packages')).map((name) => join('packages', name))

export async function setup() {
  requireNode()
  install()
  await build().catch((error) => fail(error.message))
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Tempered needs Node 20.19 or later; this is ${process.version}.`)
  }
}

/** Hash of everything that decides what node_modules must hold. */
function lockStamp() {
  const hash = createHash('sha256').update(process.versions.modules)
  const files = [
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    ...packages.map((p) => join(p, 'package.json')),
  ]
  for (const file of files) if (existsSync(join(root, file))) hash.update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

function packageManager() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).packageManager
}

/** The command of the pinned pnpm: `npm exec` fetches it into npm's own cache; nothing is installed globally. */
export function pnpm() {
  return ['npm', 'exec', '--yes', '--loglevel=error', `--package=${packageManager()}`, '--', 'pnpm']
}

function install() {
  const stampFile = join(root, 'node_modules', '.tempered-setup')
  const stamp = lockStamp()
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  console.error(`setup: installing dependencies with ${packageManager()}`)
  const [command, ...before] = pnpm()
  run(command, [...before, 'install', '--frozen-lockfile', '--reporter=append-only'], { quiet: true })
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, stamp)
}

function run(command, args, { quiet = false } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    // stdout is for data: what setup has to say goes to stderr.
    stdio: ['ignore', quiet ? 'pipe' : 2, 2],
    shell: process.platform === 'win32',
    env: { ...process.env, COREPACK_ENABLE_STRICT: '0', npm_config_update_notifier: 'false' },
  })
  if (result.error) fail(`setup: cannot run ${command}: ${result.error.message}`)
  if (result.status !== 0) {
    if (quiet && result.stdout) process.stderr.write(result.stdout)
    fail(`setup: ${command} ${args.slice(0, 8).join(' ')} … ended with ${result.status ?? result.signal}`)
  }
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setup()
