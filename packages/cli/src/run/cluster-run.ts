import { loadSource, systemClock } from '@tempered/node'
import { type Cluster, type ClusterEvent, type ClusterInit, startCluster } from '../cluster/cluster.js'
import { CliError } from '../errors.js'
import type { ClusterPlan } from '../scenario/plan.js'
import { openBackdoorMeter } from './backdoor-meter.js'
import { createObserver } from './observer.js'
import { openRunFolder } from './run-folder.js'
import { type NodeRecord, type RunScore, scoreRun } from './score.js'

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
  /** Every event, after it was recorded. */
  onEvent(event: ClusterEvent, elapsedMs: number): void
}

export async function startClusterRun(init: ClusterRunInit): Promise<ClusterRun> {
  const { plan, stage = startCluster, writeFiles = true } = init
  const results = writeFiles ? await openRunFolder(init.folder, plan) : undefined
  const begun = systemClock.monotonicMs()
  const records: NodeRecord[] = plan.nodes.map(() => ({ rounds: [] }))
  const failed: { node: string; code: string; message: string }[] = []

  const record = (event: ClusterEvent): void => {
    const elapsedMs = systemClock.monotonicMs() - begun
    results?.record(event, elapsedMs)
    if (event.type === 'round') records[event.index]?.rounds.push({ report: event.report, elapsedMs })
    if (event.type === 'failed') {
      failed.push({ node: plan.nodes[event.index]!.name, code: event.code, message: event.message })
    }
    if (event.type === 'host-gone') {
      const how = event.signal ?? `exit code ${event.exitCode}`
      for (const node of event.nodes)
        failed.push({ node, code: 'E_HOST_PROCESS', message: `its process ended (${how})` })
    }
    init.onEvent(event, elapsedMs)
  }
  const source = await loadSource(plan.scenario.data.source, init.cacheFolder)
  const observer = createObserver({
    plan,
    backdoor: await openBackdoorMeter(plan, source, plan.scenario.evaluation.samples),
    readModel: (index, cid) => cluster.readModel(index, cid),
    onObserved: record,
  })
  const cluster: Cluster = await stage({
    ...init,
    onEvent(event) {
      record(event)
      observer.event(event)
    },
  })

  return {
    plan,
    folder: init.folder,
    records,
    pids: cluster.pids,
    async finish() {
      await cluster.done
      await observer.settled()
      await observer.close()
      const score = scoreRun({ plan, records, failed, verdicts: await cluster.ledgers() })
      await results?.writeSummary(score)
      await results?.close()
      return score
    },
    stop: () => cluster.stop(),
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
