/**
 * Peak resident memory of one case beside its inputs, result included. Runs as a process of its own for each figure:
 *
 *   node --import tsx bench/memory.ts <case> <n> <d>     prints {"bytes": …}; Linux only
 */

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { kernelCases } from './kernel-cases.js'
import { inArena, modelsOf, releaseAll } from './models.js'

const FILE = fileURLToPath(import.meta.url)

function resident(field: string): number {
  const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`${field}:\\s+(\\d+)`))
  return 1024 * Number(line?.[1] ?? 0)
}

function measure(name: string, n: number, d: number): number {
  const test = kernelCases.find((candidate) => candidate.name === name)
  if (test === undefined) throw new Error(`no case ${name}`)
  // A small round first, so that code and tables exist.
  const small = modelsOf(n + 1, 5000)
  for (let k = 0; k < 20; k++) test.run(small.slice(1), small[0])
  releaseAll(small)
  const rows = modelsOf(n, d)
  globalThis.gc?.()
  writeFileSync('/proc/self/clear_refs', '5')
  const before = resident('VmRSS')
  test.run(rows, inArena(d))
  return resident('VmHWM') - before
}

/** Peak bytes in a fresh process; undefined when the machine does not report it. */
export function peakBytes(name: string, n: number, d: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  const tsx = createRequire(import.meta.url).resolve('tsx')
  const options = { encoding: 'utf8' } as const
  const output = execFileSync(
    process.execPath,
    ['--expose-gc', '--import', tsx, FILE, name, String(n), String(d)],
    options,
  )
  return (JSON.parse(output) as { bytes: number }).bytes
}

if (process.argv[1] === FILE) {
  const [, , name, n, d] = process.argv
  console.log(JSON.stringify({ bytes: measure(name, Number(n), Number(d)) }))
}
