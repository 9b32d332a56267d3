/** The share of a round that the ledger takes: entry, head, co-signatures and their fsyncs, in a small real cluster. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRecordedRun } from '@tempered/lab/run'
import { planRun, scenarioSchema } from '@tempered/lab/scenario'
import type { RoundReport } from '@tempered/node'
import { cacheFolder, loadData } from '@tempered/train'
import { withPlainProcesses } from './plain-processes.js'

export interface LedgerShareRow {
  model: string
  nodes: number
  /** Milliseconds per round and node: all of it, and the phase in which the ledger is written and the head goes out. */
  roundMs: number
  ledgerMs: number
}

const ROUNDS = 5

export async function benchLedgerShare(): Promise<LedgerShareRow[]> {
  return withPlainProcesses(async () => [await bench('cnn', 4), await bench('mlp', 4)])
}

async function bench(model: 'cnn' | 'mlp', nodes: number): Promise<LedgerShareRow> {
  const folder = await mkdtemp(join(tmpdir(), 'tempered-bench-'))
  const scenario = scenarioSchema.parse({
    name: 'bench',
    nodes,
    model,
    training: { rounds: ROUNDS, localSteps: 20 },
    evaluation: { every: ROUNDS, samples: 1 },
  })
  const cache = cacheFolder()
  const plan = planRun(scenario, await loadData({ source: 'mnist' }, cache))
  const phases: RoundReport['phaseMs'][] = []
  const run = await startRecordedRun({
    plan,
    folder,
    cacheFolder: cache,
    workers: 2,
    logLevel: 'warn',
    onEvent(event) {
      // The first round holds the start, the last one the evaluation on all test samples.
      if (event.type !== 'round' || event.report.round === 0 || event.report.round === ROUNDS - 1) return
      phases.push(event.report.phaseMs)
    },
  })
  await run.finish()
  await rm(folder, { recursive: true, force: true })
  const mean = (of: (phase: RoundReport['phaseMs']) => number): number =>
    phases.reduce((sum, phase) => sum + of(phase), 0) / phases.length
  return {
    model,
    nodes,
    roundMs: mean((phase) => Object.values(phase).reduce((sum, ms) => sum + ms, 0)),
    ledgerMs: mean((phase) => phase.ledger),
  }
}
