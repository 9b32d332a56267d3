import { readdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../../../..', import.meta.url))

/** A pattern of .dockerignore as it is used here: `*` for one part of a path or some of it, `**` for any parts. */
function matcher(pattern: string): RegExp {
  const parts = pattern.split('/').map((part) => {
    if (part === '**') return '(?:[^/]+/)*'
    return `${part.replace(/[.+]/g, '\\$&').replaceAll('*', '[^/]*')}/`
  })
  return new RegExp(`^${parts.join('').replace(/\/$/, '')}(/|$)`)
}

const patterns = readFileSync(`${ROOT}/.dockerignore`, 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map(matcher)
const isIgnored = (path: string): boolean => patterns.some((pattern) => pattern.test(path))

describe('.dockerignore', () => {
  it('leaves in what an image is built from', () => {
    const sources = ['scripts', ...readdirSync(`${ROOT}/packages`).map((name) => `packages/${name}/src`)]
    const files = sources.flatMap((folder) =>
      readdirSync(`${ROOT}/${folder}`, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(ROOT, `${entry.parentPath}/${entry.name}`)),
    )
    expect(files.length).toBeGreaterThan(200)
    expect(files.filter(isIgnored)).toEqual([])
    for (const file of [
      'package.json',
      'pnpm-lock.yaml',
      'packages/cli/package.json',
      'packages/cli/tsconfig.json',
    ])
      expect(isIgnored(file), file).toBe(false)
  })

  it('keeps out what is secret or stale', () => {
    for (const path of [
      'alice/identity.key',
      'alice/state/ledger.car',
      'runs/small-hosts/hosts/node-00/identity.key',
      'elsewhere/small-hosts/kubernetes.yaml',
      'node_modules/a/b.js',
      'packages/cli/node_modules/a.js',
      'packages/cli/dist/main.js',
      'packages/cli/dist/.tsbuildinfo-client',
    ])
      expect(isIgnored(path), path).toBe(true)
  })
})
