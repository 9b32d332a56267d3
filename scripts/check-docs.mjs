// Fails where a document names what is not there: links between documents, files of packages in ARCHITECTURE.md, and pages
// of docs/reference that are out of date.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './setup.mjs'

const problems = []
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  ...readdirSync(join(root, 'packages'))
    .map((name) => join('packages', name, 'README.md'))
    .filter((name) => existsSync(join(root, name))),
]

/** As GitHub makes them. */
function anchorsOf(text) {
  const headings = text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)
  return new Set(
    [...headings].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\- _]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

for (const document of documents) {
  const text = readFileSync(join(root, document), 'utf8')
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue
    const [path, anchor] = target.split('#')
    const file = path === '' ? join(root, document) : join(root, dirname(document), path)
    if (!existsSync(file)) problems.push(`${document}: ${target} is not there`)
    else if (anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).has(anchor))
      problems.push(`${document}: ${target}: no such heading`)
  }
}

const sources = new Set(
  readdirSync(join(root, 'packages')).flatMap((name) =>
    readdirSync(join(root, 'packages', name), { recursive: true })
      .filter((file) => !file.includes('node_modules') && !file.startsWith('dist'))
      .map((file) => join(name, file)),
  ),
)
for (const [, path] of readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').matchAll(/`([\w./-]+\.ts)`/g)) {
  const isThere = [...sources].some((file) => file === path || file.endsWith(`/${path}`))
  if (!isThere) problems.push(`ARCHITECTURE.md: there is no ${path}`)
}

for (const problem of problems) console.error(problem)
const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'reference.mjs'), '--check'], {
  stdio: 'inherit',
})
process.exitCode = problems.length === 0 ? status : 1
