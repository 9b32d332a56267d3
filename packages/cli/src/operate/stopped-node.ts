import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LEDGER_FILE, ledgerEntries, lockOwner, readLedgerRun } from '@tempered/node'
import { errorCode, errorMessage } from '@tempered/node/errors'
import type { NodeConfig } from '../config/node-config.js'
import { knownRun } from '../membership/known-run.js'

/** What the state folder of a node that does not run says about it. Rounds count from 1. */
export interface StoppedNode {
  readonly node: string
  readonly state: string
  /** Whether it was killed, or crashed, instead of stopping: its lock is still there. */
  readonly killed: boolean
  /** Null for a node that has never run. */
  readonly ledger: StoppedLedger | null
  /** Why the ledger cannot be read; null if it can. */
  readonly trouble: { readonly code: string; readonly message: string } | null
}

export interface StoppedLedger {
  readonly run: string
  readonly runName: string
  readonly rounds: number
  readonly entries: number
  readonly lastRound: {
    readonly round: number
    readonly trainingLoss: number | null
    readonly testMetric: number | null
    readonly neighbours: readonly {
      readonly peer: string
      readonly accepted: boolean
      readonly reason: string
    }[]
  } | null
  /** When the ledger was last written. */
  readonly writtenAt: string
}

/** Reads the ledger without checking hashes and signatures, which `tempered ledger verify` does. */
export async function readStopped({ name, state }: Pick<NodeConfig, 'name' | 'state'>): Promise<StoppedNode> {
  const killed = (await lockOwner(state)) !== undefined
  try {
    return { node: name, state, killed, ledger: await readLedger(state), trouble: null }
  } catch (error) {
    const trouble = { code: errorCode(error), message: errorMessage(error) }
    return { node: name, state, killed, ledger: null, trouble }
  }
}

async function readLedger(state: string): Promise<StoppedLedger | null> {
  const begun = await readLedgerRun(state)
  if (begun === undefined) return null
  const run = await knownRun(begun, state)
  const path = join(state, LEDGER_FILE)
  let entries = 0
  let last: StoppedLedger['lastRound'] = null
  for await (const { body } of ledgerEntries(path)) {
    entries += 1
    last = {
      round: body.round + 1,
      trainingLoss: body.metrics.trainingLoss,
      testMetric: body.metrics.testMetric,
      neighbours: body.neighbours.map(({ peer, accepted, reason }) => ({ peer, accepted, reason })),
    }
  }
  return {
    run: run.id.toString(),
    runName: run.manifest.name,
    rounds: run.manifest.training.rounds,
    entries,
    lastRound: last,
    writtenAt: (await stat(path)).mtime.toISOString(),
  }
}
