/** What strangers who come again and again cost nodes: rounds alone, among strangers, and alone again, in one run. */

import { spawnSync } from 'node:child_process'
import { setMaxListeners } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pester } from '../test/support/pesterer.js'
import { type CliProcess, inTemporaryFolder, parseJson, runCli, startCli } from '../test/support/run-cli.js'

const HONEST = 10
const HOSTILE = 40
/** Of each phase, after two that are not counted. */
const ROUNDS = 10

export interface StrangersBenchRow {
  phase: string
  /** Milliseconds per round, median over rounds and nodes; and processor time of a node per round, mean. */
  roundMs: number
  nodeCpuMs: number
  /** Connections that strangers made, per second. */
  connectionsPerSecond: number
}

/** How long strangers stay before they come again; undefined for none. */
const PHASES: readonly (readonly [phase: string, stayMs: number | undefined])[] = [
  ['none', undefined],
  ['come again after two seconds', 2_000],
  ['come again at once', 0],
  ['none any more', undefined],
]

/** Puts a process and its threads on one core. Throws where there is no `taskset`, or only one core. */
function pin(pid: number, core: number): void {
  const { status, stderr } = spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`taskset (util-linux) cannot move ${pid} to core ${core}: ${stderr}`)
}

async function succeed(args: readonly string[], folder: string): Promise<void> {
  const { code, stderr } = await runCli(args, folder)
  if (code !== 0) throw new Error(`tempered ${args.join(' ')}: ${stderr}`)
}

/** Milliseconds of processor time that a process has used; see proc(5). */
async function processorMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function startNodes(folder: string): Promise<{ nodes: CliProcess[]; addresses: string[] }> {
  const names = Array.from({ length: HONEST }, (_, k) => `node-${k}`)
  for (const [k, name] of names.entries())
    await succeed(
      ['node', 'init', name, '--listen', '/ip4/127.0.0.1/tcp/0', '--part', `${k}/${HONEST}`],
      folder,
    )
  const members = names.flatMap((name) => ['--member', name])
  await succeed(
    ['manifest', 'create', ...members, '--model', 'mlp', '--local-steps', '10', '--rounds', 'open'],
    folder,
  )
  const nodes: CliProcess[] = []
  const addresses: string[] = []
  for (const name of names) {
    const [first] = addresses
    const path = join(folder, name, 'node.yaml')
    if (first !== undefined)
      await writeFile(path, (await readFile(path, 'utf8')).replace('bootstrap: []', `bootstrap: [${first}]`))
    const node = startCli(['node', 'start', '--config', name, '--json'], folder)
    pin(node.child.pid!, 0)
    nodes.push(node)
    addresses.push(
      await node.line('stderr', (line) => (parseJson(line)?.addresses as string[] | undefined)?.[0]),
    )
  }
  return { nodes, addresses }
}

/** When each node has closed this round, counted from 1, and the processor time that all have used by then. */
async function closed(nodes: readonly CliProcess[], round: number) {
  const at = await Promise.all(
    nodes.map(async (node) => {
      await node.line('stdout', (line) => (parseJson(line)?.round === round ? true : undefined))
      return performance.now()
    }),
  )
  const used = await Promise.all(nodes.map(({ child }) => processorMs(child.pid!).catch(() => Number.NaN)))
  return { at, processorMs: used.reduce((sum, ms) => sum + ms, 0) }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!

/** The newest round that any node has closed, from 1. */
const newestRound = (nodes: readonly CliProcess[]): number =>
  Math.max(0, ...nodes.map(({ stdout }) => Number(parseJson(stdout.at(-1) ?? '')?.round ?? 0)))

/** Rounds from now on, with `strangers` connecting meanwhile. */
async function measure(
  nodes: readonly CliProcess[],
  strangers: (signal: AbortSignal) => readonly Promise<number>[],
): Promise<Omit<StrangersBenchRow, 'phase'>> {
  const over = new AbortController()
  setMaxListeners(0, over.signal)
  const begun = performance.now()
  const pesterers = strangers(over.signal)
  // One round is going on, and the next may have begun on some nodes.
  let round = newestRound(nodes) + 2
  const first = await closed(nodes, round)
  const durations: number[] = []
  let before = first
  for (let k = 0; k < ROUNDS; k++) {
    round += 1
    const now = await closed(nodes, round)
    durations.push(...now.at.map((at, node) => at - before.at[node]!))
    before = now
  }
  over.abort()
  const seconds = (performance.now() - begun) / 1000
  const connections = (await Promise.all(pesterers)).reduce((sum, times) => sum + times, 0)
  return {
    roundMs: median(durations),
    nodeCpuMs: (before.processorMs - first.processorMs) / ROUNDS / HONEST,
    connectionsPerSecond: connections / seconds,
  }
}

export async function benchStrangers(): Promise<StrangersBenchRow[]> {
  // The work of the strangers must not be taken from the nodes: each side has a core of its own.
  pin(process.pid, 1)
  return inTemporaryFolder(async (folder) => {
    const { nodes, addresses } = await startNodes(folder)
    try {
      await closed(nodes, 1)
      const rows: StrangersBenchRow[] = []
      for (const [phase, stayMs] of PHASES) {
        const strangers = (signal: AbortSignal) =>
          Array.from({ length: stayMs === undefined ? 0 : HOSTILE }, (_, k) =>
            pester(addresses[k % HONEST]!, stayMs!, signal),
          )
        rows.push({ phase, ...(await measure(nodes, strangers)) })
      }
      return rows
    } finally {
      for (const { child } of nodes) child.kill('SIGTERM')
      await Promise.all(nodes.map(({ exit }) => exit))
    }
  })
}
