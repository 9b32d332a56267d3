/** Clusters that do not train: what a round costs besides training, how long nodes take to start, what they hold. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRecordedRun } from '@tempered/lab/run'
import { planRun, scenarioSchema } from '@tempered/lab/scenario'
import { cacheFolder, loadData } from '@tempered/train'
import { withPlainProcesses } from './plain-processes.js'

export interface ClusterBenchRow {
  nodes: number
  processes: number
  /** Seconds from starting the processes until the last node has its first ledger entry. */
  firstEntrySeconds: number
  /** Seconds a round after the first, nothing trained, MLP models exchanged. */
  secondsPerRound: number
  /** Resident set of all host processes at the end, 10⁶ bytes, and that by node. */
  residentMegabytes: number
  residentMegabytesPerNode: number
  bytesPerNodeRound: number
}

const ROUNDS = 6

export async function benchClusters(sizes: readonly number[] = [1, 10, 50]): Promise<ClusterBenchRow[]> {
  const rows: ClusterBenchRow[] = []
  for (const nodes of sizes)
    rows.push(await withPlainProcesses(() => benchCluster(nodes, Math.min(2, nodes))))
  return rows
}

async function benchCluster(nodes: number, processes: number): Promise<ClusterBenchRow> {
  const folder = await mkdtemp(join(tmpdir(), 'tempered-bench-'))
  const scenario = scenarioSchema.parse({
    name: 'bench',
    nodes,
    model: 'mlp',
    training: { rounds: ROUNDS, localSteps: 0 },
    rule: { name: 'balance' },
    evaluation: { every: ROUNDS, samples: 1 },
  })
  const cache = cacheFolder()
  const plan = planRun(scenario, await loadData({ source: 'mnist' }, cache))
  const entries = new Map<number, number>()
  const lastOfRound: number[] = []
  let resident = 0
  const begun = performance.now()
  const run = await startRecordedRun({
    plan,
    folder,
    cacheFolder: cache,
    workers: processes,
    logLevel: 'warn',
    onEvent(event) {
      if (event.type === 'memory') resident += event.residentBytes
      if (event.type !== 'round') return
      const { round } = event.report
      entries.set(round, (entries.get(round) ?? 0) + 1)
      if (entries.get(round) === nodes) lastOfRound[round] = performance.now()
    },
  })
  const score = await run.finish()
  await rm(folder, { recursive: true, force: true })
  if (score.failed.length > 0 || score.ledgers.bad.length > 0) {
    throw new Error(
      `the cluster of ${nodes} nodes failed: ${JSON.stringify({ ...score.failed, ...score.ledgers.bad })}`,
    )
  }
  return {
    nodes,
    processes,
    firstEntrySeconds: (lastOfRound[0]! - begun) / 1000,
    // The last round is evaluated on all test samples, so it is left out.
    secondsPerRound: (lastOfRound[ROUNDS - 2]! - lastOfRound[0]!) / 1000 / (ROUNDS - 2),
    residentMegabytes: resident / 1e6,
    residentMegabytesPerNode: resident / 1e6 / nodes,
    bytesPerNodeRound: score.bytesPerNodeRound ?? 0,
  }
}
