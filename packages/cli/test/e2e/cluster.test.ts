import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { full, sized } from '../../../../test-support/tier.js'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, parseJson, runCli, startCli } from '../support/run-cli.js'

const SCENARIO = `
name: small
seed: 5
nodes: 6
topology: { name: k-regular, params: { k: 3 } }
model: mlp
training: { rounds: 3, localSteps: 4 }
rule: { name: balance }
adversaries:
  - { nodes: [1], attack: { name: ipm, params: { epsilon: 2 } } }
  - { nodes: [4], attack: { name: gaussian } }
evaluation: { samples: 100 }
# No deadline may pass, however slow the machine: who is waited for decides the bits.
deadlines: { joinMs: 1000000, collectMs: 1000000, dialMs: 300000, firstByteMs: 300000, transferMs: 600000, reconnectMs: 300000 }
`

const NODES = sized('2', '6')
const WORKERS = sized('2', '3')
/** Nodes that train little, where it does not matter what they learn. */
const SMALL = ['--model', 'softmax', '--rule', 'average']

async function resultsFolder(folder: string): Promise<string> {
  const [name] = await readdir(join(folder, 'runs'))
  return join(folder, 'runs', name!)
}

/** The last aggregate of every node, by node name. */
async function finalHashes(results: string): Promise<Record<string, string>> {
  const [header, ...rows] = (await readFile(join(results, 'metrics.csv'), 'utf8')).trim().split('\n')
  const columns = header!.split(',')
  const at = (name: string): number => columns.indexOf(name)
  const last: Record<string, string> = {}
  for (const row of rows.map((line) => line.split(','))) {
    if (row[at('round')] === '3') last[row[at('node')]!] = row[at('aggregate_cid')]!
  }
  return last
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a local cluster', () => {
  it.runIf(full)(
    'gives the same final parameters for every node in two runs, however its nodes share processes',
    () =>
      inTemporaryFolder(async (folder) => {
        const hashes: Record<string, string>[] = []
        for (const [name, flags] of [
          // The earlier name of --workers still works.
          ['one', ['--hosts', '1']],
          ['two', ['--workers', '2']],
          ['each', ['--isolation', 'process']],
        ] as const) {
          const out = join(folder, name)
          await writeFile(join(folder, 'small.yaml'), SCENARIO)
          const run = await runCli(['cluster', 'run', 'small.yaml', ...flags, '--out', out], folder)
          expect(run.code, run.stderr).toBe(0)
          const [results] = await readdir(out)
          hashes.push(await finalHashes(join(out, results!)))
        }
        expect(Object.keys(hashes[0]!)).toHaveLength(6)
        expect(hashes[1]).toEqual(hashes[0])
        expect(hashes[2]).toEqual(hashes[0])
        expect(new Set(Object.values(hashes[0]!)).size).toBeGreaterThan(1)
      }),
  )

  it('leaves scenario, manifest, events, metrics, summary, report and valid ledgers in one folder', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'small.yaml'), SCENARIO)
      const run = await runCli(
        ['cluster', 'run', 'small.yaml', '--rounds', '2', '--model', 'softmax'],
        folder,
      )
      expect(run.code, run.stderr).toBe(0)
      expect(run.stdout).toContain('6 of 6')
      const results = await resultsFolder(folder)
      expect((await readdir(results)).sort()).toEqual(
        [
          'data.json',
          'events.ndjson',
          'hosts',
          'manifest.json',
          'metrics.csv',
          'nodes',
          'report.html',
          'report.json',
          'rounds.csv',
          'rounds.ndjson',
          'scenario.yaml',
          'summary.json',
          'summary.md',
        ].sort(),
      )
      const scenario = await readFile(join(results, 'scenario.yaml'), 'utf8')
      expect(scenario).toContain('seed: 5')
      expect(scenario).toContain('tempered:')
      const events = (await readFile(join(results, 'events.ndjson'), 'utf8'))
        .trim()
        .split('\n')
        .map(parseJson)
      expect(events.filter((event) => event?.type === 'round')).toHaveLength(12)
      const summary = parseJson(
        await readFile(join(results, 'summary.json'), 'utf8').then((text) => text.replace(/\n/g, '')),
      )
      expect(summary?.finishedHonest).toBe(4)
      // The gaussian model is far outside every radius: it was seen and refused.
      expect(summary?.recall).toBeGreaterThan(0)
      expect((await callCli(['ledger', 'verify', results], folder)).code).toBe(0)
    }))

  it.runIf(full)('reports a process that is killed and goes on without its nodes', () =>
    inTemporaryFolder(async (folder) => {
      const cli = startCli(
        [
          'cluster',
          'run',
          '--nodes',
          '4',
          '--rounds',
          '30',
          '--model',
          'softmax',
          '--rule',
          'average',
          '--workers',
          '4',
          '--json',
        ],
        folder,
      )
      await cli.line('stdout', (line) => (parseJson(line)?.type === 'round' ? true : undefined))
      const pids = await childPids(cli.child.pid!)
      expect(pids).toHaveLength(4)
      process.kill(pids[1]!, 'SIGKILL')
      const gone = await cli.line('stdout', (line) =>
        parseJson(line)?.type === 'host-gone' ? parseJson(line) : undefined,
      )
      expect(gone.signal).toBe('SIGKILL')
      expect(gone.nodes).toHaveLength(1)
      expect(await cli.exit).toBe(7)
      const done = cli.stdout.filter((line) => parseJson(line)?.type === 'done')
      expect(done).toHaveLength(3)
    }),
  )

  it('one SIGINT stops all of it, and no process is left', () =>
    inTemporaryFolder(async (folder) => {
      const cli = startCli(
        ['cluster', 'run', ...SMALL, '--nodes', NODES, '--rounds', '1000', '--workers', WORKERS, '--json'],
        folder,
      )
      await cli.line('stdout', (line) => (parseJson(line)?.type === 'round' ? true : undefined))
      const pids = await childPids(cli.child.pid!)
      cli.child.kill('SIGINT')
      expect(await cli.exit).toBe(130)
      expect(pids.filter(isAlive)).toEqual([])
      expect((await callCli(['ledger', 'verify', 'runs'], folder)).code).toBe(0)
    }))

  it.runIf(full)('a launcher that is killed takes its processes with it', () =>
    inTemporaryFolder(async (folder) => {
      const cli = startCli(
        ['cluster', 'run', ...SMALL, '--nodes', NODES, '--rounds', '1000', '--workers', WORKERS, '--json'],
        folder,
      )
      await cli.line('stdout', (line) => (parseJson(line)?.type === 'round' ? true : undefined))
      const pids = await childPids(cli.child.pid!)
      cli.child.kill('SIGKILL')
      await cli.exit
      // Waits for the event itself; the test's own limit is the only clock.
      while (pids.some(isAlive)) await new Promise((resolve) => setImmediate(resolve))
    }),
  )
})

/** Pids of the processes that `parent` started. */
async function childPids(parent: number): Promise<number[]> {
  const text = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8')
  return text.trim().split(' ').map(Number)
}
