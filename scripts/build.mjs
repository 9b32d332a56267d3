// Builds all packages: TypeScript by project references, then the report's client as one script per page. A stamp of
// the sources makes a second call return at once.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const report = join(root, 'packages', 'report')
const stampFile = join(root, 'node_modules', '.tempered-build')

/** Throws when the compiler or the bundler fails; both have said why on stderr. */
export async function build() {
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp()) return
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status, error } = spawnSync(process.execPath, [tsc, '-b'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`build: tsc -b ended with ${status ?? error?.message}`)
  await bundleReportClient()
  writeFileSync(stampFile, stamp())
}

/** The pages of a report: what `tsc` made of `report/src/client`, as one classic script each, and the style sheet. */
async function bundleReportClient() {
  const { build: bundle } = await import('esbuild')
  const assets = join(report, 'dist', 'assets')
  await bundle({
    entryPoints: ['scenario-page.js', 'matrix-page.js'].map((name) => join(report, 'dist', 'client', name)),
    outdir: assets,
    bundle: true,
    format: 'iife',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
  })
  mkdirSync(assets, { recursive: true })
  copyFileSync(join(report, 'src', 'report.css'), join(assets, 'report.css'))
}

/** Changes with every source, compiler setting and dependency, and when a build folder is gone. */
function stamp() {
  const hash = createHash('sha256').update(process.version)
  const files = ['tsconfig.json', 'tsconfig.base.json', 'pnpm-lock.yaml'].map((name) => join(root, name))
  for (const name of readdirSync(join(root, 'packages')).sort()) {
    const folder = join(root, 'packages', name)
    for (const entry of readdirSync(folder))
      if (/^(tsconfig.*|package)\.json$/.test(entry)) files.push(join(folder, entry))
    hash.update(String(existsSync(join(folder, 'dist', '.tsbuildinfo'))))
    if (existsSync(join(folder, 'src'))) {
      for (const entry of readdirSync(join(folder, 'src'), { recursive: true, withFileTypes: true }))
        if (entry.isFile()) files.push(join(entry.parentPath, entry.name))
    }
  }
  hash.update(String(existsSync(join(report, 'dist', 'assets', 'scenario-page.js'))))
  for (const file of files.sort()) {
    const { mtimeMs, size } = statSync(file)
    hash.update(`${file}\0${mtimeMs}\0${size}\n`)
  }
  return hash.digest('hex')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build().catch((error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
