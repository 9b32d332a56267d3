/** What strangers who come again and again cost nodes: rounds alone, among strangers, and alone again, in one run. */

import { setMaxListeners } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pester } from '../test/support/pesterer.js'
import { type CliProcess, inTemporaryFolder, parseJson, runCli, startCli } from '../test/support/run-cli.js'

const HONEST = 10
const HOSTILE = 40
/** Of a phase; the first two of each are not counted. */
const ROUNDS = 12

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
  ['alone', undefined],
  ['strangers who come again after two seconds', 2_000],
  ['alone again', undefined],
  ['strangers who come again at once', 0],
  ['alone at last', undefined],
]

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
  const rounds = String(ROUNDS * PHASES.length)
  await succeed(
    ['manifest', 'create', ...members, '--model', 'mlp', '--local-steps', '10', '--rounds', rounds],
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

export async function benchStrangers(): Promise<StrangersBenchRow[]> {
  return inTemporaryFolder(async (folder) => {
    const { nodes, addresses } = await startNodes(folder)
    const rows: StrangersBenchRow[] = []
    try {
      let round = 1
      await closed(nodes, round)
      for (const [phase, stayMs] of PHASES) {
        const strangers = new AbortController()
        setMaxListeners(0, strangers.signal)
        const begun = performance.now()
        const pesterers =
          stayMs === undefined
            ? []
            : Array.from({ length: HOSTILE }, (_, k) =>
                pester(addresses[k % HONEST]!, stayMs, strangers.signal),
              )
        round += 2
        const first = await closed(nodes, round)
        const durations: number[] = []
        let before = first
        // The last round of the run ends with an evaluation on all samples, and with the process.
        const last = Math.min(round + ROUNDS - 2, ROUNDS * PHASES.length - 1)
        const counted = last - round
        while (round < last) {
          round += 1
          const now = await closed(nodes, round)
          durations.push(...now.at.map((at, k) => at - before.at[k]!))
          before = now
        }
        strangers.abort()
        const seconds = (performance.now() - begun) / 1000
        const connections = (await Promise.all(pesterers)).reduce((sum, times) => sum + times, 0)
        rows.push({
          phase,
          roundMs: median(durations),
          nodeCpuMs: (before.processorMs - first.processorMs) / counted / HONEST,
          connectionsPerSecond: connections / seconds,
        })
      }
      const exits = await Promise.all(nodes.map(({ exit }) => exit))
      if (exits.some((code) => code !== 0)) throw new Error(`nodes ended with ${exits.join(', ')}`)
      return rows
    } finally {
      for (const { child } of nodes) child.kill('SIGKILL')
    }
  })
}
