import { loadSource, systemClock } from '@tempered/node'
import {
  type Cluster,
  type ClusterEvent,
  type ClusterInit,
  type Observed,
  startCluster,
} from '../cluster/cluster.js'
import { CliError } from '../errors.js'
import { openBackdoorMeter } from '../metrics/backdoor-meter.js'
import { createObserver } from '../metrics/observer.js'
import type { NodeRecord } from '../metrics/run-record.js'
import { type RunScore, scoreRun } from '../metrics/score.js'
import type { ClusterPlan } from '../scenario/plan.js'
import { openRunFolder } from './run-folder.js'

/** A run that is being watched, written down and scored. */
export interface ClusterRun {
  readonly plan: ClusterPlan
  readonly folder: string
  /** By node index; grows while the run goes on. */
  readonly records: readonly NodeRecord[]
  readonly pids: readonly number[]
  /** Resolves with the score when all nodes are done; after `stop`, with the score of what there is. */
  finish(): Promise<RunScore>
  stop(): Promise<void>
}

/** Puts the nodes of a plan to work: real ones in processes of their own, or a simulation. */
export type Stage = (init: ClusterInit) => Promise<Cluster>

export interface ClusterRunInit {
  readonly plan: ClusterPlan
  readonly folder: string
  readonly cacheFolder: string
  readonly hosts: number
  readonly logLevel: string
  /** Default: a cluster of real nodes. */
  readonly stage?: Stage
  /** Whether every event and metric goes to files in `folder`; default true. */
  readonly writeFiles?: boolean
  /** Every event, after it was recorded, with the milliseconds since the start of the run. */
  onEvent(event: ClusterEvent, elapsedMs: number): void
}

export async function startClusterRun(init: ClusterRunInit): Promise<ClusterRun> {
  const { plan, stage = startCluster, writeFiles = true } = init
  const results = writeFiles ? await openRunFolder(init.folder, plan) : undefined
  const begun = systemClock.monotonicMs()
  const records: NodeRecord[] = plan.nodes.map(() => ({ rounds: [] }))
  const failed: { node: string; code: string; message: string }[] = []
  const observed: Observed[] = []
  let residentBytes: number | undefined

  const record = (event: ClusterEvent): void => {
    const realMs = systemClock.monotonicMs() - begun
    const elapsedMs = cluster?.elapsedMs?.() ?? realMs
    results?.record(event, elapsedMs)
    if (event.type === 'round') records[event.index]?.rounds.push({ report: event.report, elapsedMs })
    if (event.type === 'observed') observed.push(event)
    if (event.type === 'memory') residentBytes = (residentBytes ?? 0) + event.residentBytes
    if (event.type === 'failed') {
      failed.push({ node: plan.nodes[event.index]!.name, code: event.code, message: event.message })
    }
    if (event.type === 'host-gone') {
      const how = event.signal ?? `exit code ${event.exitCode}`
      for (const node of event.nodes)
        failed.push({ node, code: 'E_HOST_PROCESS', message: `its process ended (${how})` })
    }
    init.onEvent(event, realMs)
  }
  let cluster: Cluster | undefined
  const source = await loadSource(plan.scenario.data.source, init.cacheFolder)
  const observer = createObserver({
    plan,
    backdoor: await openBackdoorMeter(plan, source, plan.scenario.evaluation.samples),
    readModel: async (index, cid) => cluster?.readModel(index, cid),
    onObserved: record,
  })
  const started = await stage({
    ...init,
    onEvent(event) {
      record(event)
      observer.event(event)
    },
  })
  cluster = started

  return {
    plan,
    folder: init.folder,
    records,
    pids: started.pids,
    async finish() {
      await started.done
      await observer.settled()
      await observer.close()
      const score = scoreRun({
        plan,
        records,
        failed,
        verdicts: await started.ledgers(),
        observed,
        ...(residentBytes === undefined ? {} : { residentBytes }),
      })
      await results?.writeSummary(score)
      await results?.close()
      return score
    },
    stop: () => started.stop(),
  }
}

/** Throws when nodes failed on the way; a run of which part is missing is not a success. */
export function requireNoFailures(score: RunScore): void {
  if (score.failed.length === 0) return
  const names = score.failed.map((failure) => failure.node).join(', ')
  throw new CliError('E_NODES_FAILED', `${score.failed.length} nodes did not finish: ${names}`)
}

/** Throws unless every ledger that was written is valid and every node that was planned has one. */
export function requireValidLedgers(score: RunScore, plan: ClusterPlan): void {
  const first = score.ledgers.bad[0]
  if (first !== undefined) {
    throw new CliError(
      'E_LEDGER_INVALID',
      `${first.node}: entry ${first.entry}: ${first.code}: ${first.message}`,
    )
  }
  if (score.ledgers.checked < plan.nodes.length) {
    throw new CliError(
      'E_LEDGER_INVALID',
      `only ${score.ledgers.checked} of ${plan.nodes.length} nodes left a ledger`,
    )
  }
}
