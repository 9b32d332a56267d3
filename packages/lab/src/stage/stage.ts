import type { LedgerVerdict } from '@tempered/node'
import type { RunEvent } from '../events/run-event.js'
import type { RunPlan } from '../scenario/plan.js'

/** Folder of the logs of workers and trainers in a run's folder. */
export const LOG_FOLDER = 'hosts'

export interface StageInit {
  readonly plan: RunPlan
  /** Folder of this run's results; nodes keep their state below it. */
  readonly folder: string
  readonly cacheFolder: string
  /** Host processes; nodes are dealt to them in turn. A node that faults kill or start has its own process. */
  readonly workers: number
  readonly logLevel: string
  onEvent(event: RunEvent): void
}

export interface StagedRun {
  /** Resolves when every node is done, failed or stopped and every process is gone. */
  readonly done: Promise<void>
  /** Stops all nodes; processes that remain after `STOP_LIMIT_MS` are killed. */
  stop(): Promise<void>
  /** Pids of the current host processes. */
  readonly pids: readonly number[]
  /** Milliseconds of virtual time since the start, where time is virtual. */
  elapsedMs?(): number
  /** A model that a node currently holds, by CID; undefined when it is no longer available. */
  readModel(index: number, cid: string): Promise<Float32Array | undefined>
  /** Checks the ledger of every node that has one. To be called after the run. */
  ledgers(): Promise<readonly CheckedLedger[]>
}

/** What runs a plan: `startCluster` or a replacement. */
export type Stage = (init: StageInit) => Promise<StagedRun>

export interface CheckedLedger {
  /** Name of the node. */
  readonly node: string
  readonly verdict: LedgerVerdict
}
