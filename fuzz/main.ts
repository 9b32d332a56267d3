import { parseArgs } from 'node:util'
import { type FuzzReport, fuzzTarget } from './engine/fuzz-target.js'
import { keepSeed } from './engine/seed-files.js'
import { startWatch } from './engine/watch.js'
import { TARGETS } from './targets/all.js'

const HELP = `Usage: pnpm fuzz [--target NAME]... [--seed S] [--cases N] [--seconds T]

Gives every decoder of bytes from outside valid inputs and changed ones. Each must give a value or one of our
errors with a code, within bounds of time and memory; where a format has one encoding, what is accepted must
encode to the same bytes. Inputs that fail are kept in fuzz/seeds and come first from then on.

  --target NAME   only this target; may be repeated
  --seed S        seed of all inputs; drawn and printed if not given
  --cases N       inputs per target (default 10000)
  --seconds T     most seconds per target
  --list          list the targets
  --help          this text

Exit code: 0, or 1 when a target failed, 2 for wrong arguments.`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', multiple: true },
      seed: { type: 'string' },
      cases: { type: 'string', default: '10000' },
      seconds: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  if (values.list) {
    for (const { name, about } of TARGETS) console.log(`${name.padEnd(22)}${about}`)
    return 0
  }
  const unknown = values.target?.find((name) => !TARGETS.some((target) => target.name === name))
  if (unknown !== undefined) throw new TypeError(`no target ${unknown}; --list lists them`)
  const number = (text: string, name: string): number => {
    const value = Number(text)
    if (!(value >= 0)) throw new TypeError(`--${name} must be a number, not ${text}`)
    return value
  }
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : number(values.seed, 'seed')
  const cases = number(values.cases, 'cases')
  const mostSeconds = values.seconds === undefined ? undefined : number(values.seconds, 'seconds')
  console.log(`seed ${seed}`)
  const reports: FuzzReport[] = []
  const watch = startWatch()
  for (const { name, open } of TARGETS) {
    if (values.target !== undefined && !values.target.includes(name)) continue
    const target = await open()
    const onCase = (from: string, input: Uint8Array): void => watch.note(name, from, input)
    const report = await fuzzTarget({ name, target, seed, cases, mostSeconds, onCase })
    watch.rest()
    await target.close?.()
    reports.push(report)
    for (const { from, what, input } of report.failures)
      console.log(`${name}, ${from}: ${what}\n  kept as ${await keepSeed(name, input)}`)
  }
  await watch.stop()
  console.log(tableOf(reports))
  return reports.some(({ failures }) => failures.length > 0) ? 1 : 0
}

function tableOf(reports: readonly FuzzReport[]): string {
  const rows = reports.map(({ name, cases, accepted, refused, failures, worstMs, seconds }) => [
    name,
    String(cases),
    String(accepted),
    [...refused]
      .sort(([, a], [, b]) => b - a)
      .map(([code, count]) => `${code} ${count}`)
      .join(', '),
    String(failures.length),
    `${worstMs.toFixed(1)} ms`,
    `${seconds.toFixed(1)} s`,
  ])
  const head = ['target', 'cases', 'accepted', 'refused', 'failures', 'worst', 'time']
  const columns = [0, 1, 2, 4, 5, 6, 3]
  const width = (k: number): number => Math.max(...[head, ...rows].map((row) => row[k]!.length))
  return [head, ...rows]
    .map((row) =>
      columns
        .map((k) => (k === 3 ? row[k]! : k === 0 ? row[k]!.padEnd(width(k)) : row[k]!.padStart(width(k))))
        .join('  '),
    )
    .join('\n')
}

process.exitCode = await main().catch((error: Error) => {
  console.error(error instanceof TypeError ? error.message : error)
  return error instanceof TypeError ? 2 : 1
})
